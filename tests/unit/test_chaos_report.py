"""The report of the fault kit: figures of the kept records, and every run that was not well."""

from pathlib import Path
from typing import Any

from tests.chaos import report, timeline
from tests.chaos.backlog import Sample
from tests.chaos.checker import Counts, Findings
from tests.chaos.journal import Attempt, Told
from tests.chaos.run import Run
from tests.chaos.schedule import Fault


def a_run(seed: int, **changes: Any) -> Run:
    counts = Counts(1500, recovered=4, halves=1, conflicts=2, poison=3, letters=5, letters_repeated=1)
    told = Told([Attempt(100.0, [("a", "x")], 100.5, 202), Attempt(101.0, [("b", "x")], 102.0, 503)])
    kept: dict[str, Any] = {
        "is_drained": True,
        "late": [],
        "findings": Findings(),
        "faults": [Fault("kill", "service-b", 1.0), Fault("pause", "kafka", 2.0, 3.0)],
    }
    samples = [Sample(101.0, 5, 6, 7), Sample(102.0, 0, 0, 0)]
    return Run(seed, 100.0, 24.0, 6.0, counts=counts, told=told, samples=samples, said=[], **kept | changes)


def test_tells_counts_and_bounds(tmp_path: Path) -> None:
    for seed in (1, 2):
        report.keep(tmp_path / "chaos", a_run(seed))
    page = report.write(tmp_path / "chaos").read_text()
    assert "| seeds | 2 in 2 runs of 1 min in all |" in page
    assert "| accepted with 202 | 3,000 contents |" in page
    assert "| lost | **0** |" in page
    assert "that is lost (3/n) | 1.0e-03 |" in page
    assert "| kill | service-b 2 |" in page
    assert "Seeds: 1, 2." in page


def test_names_what_was_wrong_and_claims_no_bound(tmp_path: Path) -> None:
    report.keep(tmp_path / "chaos", a_run(7, findings=Findings(lost=["a", "b"]), is_drained=False, late=["kill x"]))
    page = report.write(tmp_path / "chaos").read_text()
    assert "Seed 7: 2 lost; something still waited; late: kill x." in page
    assert "3/n" not in page


def test_draws_what_happened(tmp_path: Path) -> None:
    timeline.write(tmp_path / "one.svg", a_run(1))
    drawn = (tmp_path / "one.svg").read_text()
    for text in ("Seed 1", "accepted", "kill service-b", "pause kafka", "queue b", "s until 202"):
        assert text in drawn
