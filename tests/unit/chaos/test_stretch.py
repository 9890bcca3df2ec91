"""Runs one after another: what one leaves behind that breaks, and which one is drawn."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stack.home import Home
from tests.chaos import records, report, stretch, timeline
from tests.chaos.publishers import Mix
from tests.chaos.run import Run
from tests.chaos.stretch import Stretch
from tests.unit.chaos.test_report import FAULTS, RUN

Drive = Callable[..., Awaitable[Run]]


class GaveUp(Exception):
    """As the supervisor raises."""


@asynccontextmanager
async def a_system(home: Path) -> AsyncIterator[Any]:
    """A rig without a system; `one.gives_up` is set where the supervisor is to give up."""
    one = SimpleNamespace(home=Home(home), said=["kafka: ended by itself"], gives_up=asyncio.Event())
    one.home.log("kafka").write_text("the last words")
    (one.home.folder("journals") / "one.jsonl").write_text("{}")

    async def keep() -> None:
        await one.gives_up.wait()
        raise GaveUp("kafka failed 5 times")

    async with asyncio.TaskGroup() as supervisor:
        keeper = supervisor.create_task(keep())
        yield one
        keeper.cancel()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Drive], Awaitable[bool]]:
    """Run seed 7 with `drive`, its records in "chaos"."""

    async def run_with(drive: Drive) -> bool:
        monkeypatch.setattr(stretch, "rig", a_system)
        monkeypatch.setattr(stretch, "drive", drive)
        return await Stretch(tmp_path / "chaos", Mix(per_s=240), "abc1234").run([7])

    return run_with


async def gives_up(one: Any, _: Any, **__: Any) -> Run:
    one.gives_up.set()
    await asyncio.Event().wait()  # until it is cancelled
    raise AssertionError


async def fails(*_: Any, **__: Any) -> Run:
    raise ConnectionRefusedError("no PostgreSQL")


async def is_interrupted(*_: Any, **__: Any) -> Run:
    raise asyncio.CancelledError


async def ends_well(*_: Any, **__: Any) -> Run:
    return RUN


async def ends_badly(*_: Any, **__: Any) -> Run:
    return replace(RUN, seed=7, is_drained=False)


@pytest.mark.parametrize(
    ("drive", "raised"),
    [(gives_up, "GaveUp: kafka failed 5 times"), (fails, "ConnectionRefusedError: no PostgreSQL")],
)
async def test_a_run_that_breaks_is_kept_and_the_error_goes_on(
    drive: Drive, raised: str, run: Callable[[Drive], Awaitable[bool]], tmp_path: Path
) -> None:
    with pytest.raises(ExceptionGroup):
        await run(drive)
    [record] = records.read(tmp_path / "chaos")
    assert (record["seed"], record["rate"], record["commit"]) == (7, 240, "abc1234")
    assert record["broke"] == raised
    assert f"it broke: {raised}." in (tmp_path / "chaos.md").read_text()
    assert_evidence(tmp_path / "chaos" / "wrong-7")


async def test_a_run_that_is_not_well_leaves_its_evidence(
    run: Callable[[Drive], Awaitable[bool]], tmp_path: Path
) -> None:
    assert not await run(ends_badly)
    assert "Seed 7 (RATE=240, commit abc1234): something still waited." in (tmp_path / "chaos.md").read_text()
    assert_evidence(tmp_path / "chaos" / "wrong-7")


async def test_a_run_that_is_interrupted_leaves_nothing(
    run: Callable[[Drive], Awaitable[bool]], tmp_path: Path
) -> None:
    with pytest.raises(asyncio.CancelledError):
        await run(is_interrupted)
    assert not (tmp_path / "chaos").exists()


@pytest.mark.parametrize(("kept_faults", "is_drawn"), [(0, True), (1, True), (2, False), (3, False)])
async def test_the_run_with_the_most_faults_of_all_is_drawn(
    kept_faults: int,
    is_drawn: bool,
    run: Callable[[Drive], Awaitable[bool]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    drawn: list[Path] = []
    monkeypatch.setattr(timeline, "write", lambda file, _: drawn.append(file))
    if kept_faults:
        records.keep(tmp_path / "chaos", replace(RUN, faults=FAULTS[:1] * kept_faults), "abc1234")
    assert await run(ends_well)
    assert drawn == ([tmp_path / "chaos" / report.PLOT] if is_drawn else [])


def assert_evidence(kept: Path) -> None:
    """The logs, the journals, and what the supervisor said."""
    assert (kept / "logs" / "kafka.log").read_text() == "the last words"
    assert (kept / "journals" / "one.jsonl").exists()
    assert (kept / "supervisor.log").read_text() == "kafka: ended by itself"
