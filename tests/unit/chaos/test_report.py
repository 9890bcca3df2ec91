"""The report of the fault kit: figures of the kept records, and every run that was not well."""

import json
from dataclasses import replace
from pathlib import Path

from stack.home import ROOT
from tests.chaos import records, report, timeline
from tests.chaos.backlog import Sample
from tests.chaos.checker import Counts, Findings
from tests.chaos.journal import Attempt, Told
from tests.chaos.run import Begun, Run
from tests.chaos.schedule import Fault

FAULTS = [Fault("kill", "service-b", 1.0), Fault("pause", "kafka", 2.0, 3.0)]
RUN = Run(
    seed=1,
    rate=240.0,
    begun=100.0,
    faults=FAULTS,
    load_s=24.0,
    rest_s=6.0,
    is_drained=True,
    late=[],
    findings=Findings(),
    counts=Counts(1500, pending=0, recovered=4, halves=1, conflicts=2, poison=3, letters=5, letters_repeated=1),
    told=Told([Attempt(100.0, [("a", "x")], 100.5, 202), Attempt(101.0, [("b", "x")], 102.0, 503)]),
    samples=[Sample(101.0, 5, 6, 7), Sample(102.0, 0, 0, 0)],
    said=[],
)


def test_tells_counts_and_bounds(tmp_path: Path) -> None:
    for seed in (1, 2):
        records.keep(tmp_path / "chaos", replace(RUN, seed=seed), "abc1234")
    page = report.write(tmp_path / "chaos").read_text()
    assert "| seeds | 2 in 2 runs of 1 min in all |" in page
    assert "| accepted with 202 | 3,000 contents |" in page
    assert "| lost | **0** |" in page
    assert "that is lost (3/n) | 1.0e-03 |" in page
    assert "| kill | service-b 2 |" in page
    assert "Seeds: 1, 2." in page


def test_names_what_was_wrong_and_claims_no_bound(tmp_path: Path) -> None:
    wrong = replace(RUN, seed=7, findings=Findings(lost=["a", "b"]), is_drained=False, late=["kill x"])
    records.keep(tmp_path / "chaos", wrong, "abc1234")
    page = report.write(tmp_path / "chaos").read_text()
    assert "Seed 7 (RATE=240, commit abc1234): 2 lost; something still waited; late: kill x." in page
    assert "3/n" not in page


def test_a_run_that_accepted_nothing_is_not_well(tmp_path: Path) -> None:
    idle = replace(RUN, counts=replace(RUN.counts, accepted=0))
    assert RUN.is_well
    assert not idle.is_well
    assert "nothing was accepted" in idle.wrongs
    records.keep(tmp_path / "chaos", idle, "abc1234")
    assert "Seed 1 (RATE=240, commit abc1234): nothing was accepted." in report.write(tmp_path / "chaos").read_text()


def test_counts_a_run_that_broke_and_says_what_it_raised(tmp_path: Path) -> None:
    records.keep(tmp_path / "chaos", RUN, "abc1234")
    gave_up = ExceptionGroup("of the system", [RuntimeError("gave up on kafka.\nits log"), TimeoutError()])
    records.keep_broken(tmp_path / "chaos", Begun(2, 240.0, 100.0, [*FAULTS, FAULTS[0]]), "abc1234", gave_up)
    page = report.write(tmp_path / "chaos").read_text()
    assert "| seeds | 2 in 2 runs of 0 min in all |" in page
    assert "| runs that broke before anything was compared | **1** |" in page
    assert "that lose one (3/n) | 3.0e+00 |" in page
    assert "Seed 2 (RATE=240, commit abc1234): it broke: RuntimeError: gave up on kafka.; TimeoutError." in page
    assert records.most_faults(tmp_path / "chaos") == len(FAULTS)  # of a run that broke, nothing is drawn


def test_tells_all_where_every_run_broke(tmp_path: Path) -> None:
    records.keep_broken(tmp_path / "chaos", Begun(2, 240.0, 100.0, []), "abc1234", TimeoutError("of the poison"))
    page = report.write(tmp_path / "chaos").read_text()
    assert "| accepted with 202 | 0 contents |" in page
    assert "it broke: TimeoutError: of the poison." in page


def test_tells_rate_and_commit_where_they_were_kept(tmp_path: Path) -> None:
    file = tmp_path / "chaos" / records.RECORDS
    records.keep(file.parent, RUN, "abc1234")
    [new] = records.read(file.parent)
    file.write_text(json.dumps({name: value for name, value in new.items() if name not in ("rate", "commit")}) + "\n")
    records.keep(file.parent, replace(RUN, rate=320.0, late=["kill x"]), "abc1234")
    page = report.write(file.parent).read_text()
    assert "| runs by RATE, events a second | not kept: 1, 320: 1 |" in page
    assert "| runs by commit | not kept: 1, abc1234: 1 |" in page


def test_the_page_is_the_one_of_the_kept_records(tmp_path: Path) -> None:
    """But for its head, which says where it was made."""
    (tmp_path / "chaos").mkdir()
    kept = ROOT / "docs" / "chaos"
    (tmp_path / "chaos" / records.RECORDS).write_bytes((kept / records.RECORDS).read_bytes())
    written, page = (
        file.read_text().splitlines() for file in (report.write(tmp_path / "chaos"), kept.parent / "chaos.md")
    )
    assert written[4:] == page[4:]


def test_draws_what_happened(tmp_path: Path) -> None:
    timeline.write(tmp_path / "one.svg", RUN)
    drawn = (tmp_path / "one.svg").read_text()
    for text in ("Seed 1", "accepted", "kill service-b", "pause kafka", "queue b", "s until 202"):
        assert text in drawn
