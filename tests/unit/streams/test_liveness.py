"""A process is stuck when there is work, nothing moves, and nothing outside of it explains that."""

from collections.abc import Hashable

import pytest

from streams.liveness import Liveness

STUCK_AFTER_S = 60.0


class Way:
    """A way that stands as it is told to."""

    name = "topic"

    def __init__(self) -> None:
        self.moved = 0
        self.behind = True
        self.away: str | None = None

    def progress(self) -> Hashable:
        return self.moved

    def is_behind(self) -> bool:
        return self.behind

    async def obstacle(self) -> str | None:
        return self.away


class Clock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def way() -> Way:
    return Way()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def liveness(way: Way, clock: Clock) -> Liveness:
    return Liveness([way], stuck_after_s=STUCK_AFTER_S, clock=clock)


async def pass_by(liveness: Liveness, clock: Clock, seconds: int) -> None:
    for _ in range(seconds):
        clock.now_s += 1
        await liveness.look()


async def test_work_that_does_not_move_is_stuck(liveness: Liveness, clock: Clock) -> None:
    await pass_by(liveness, clock, 29)
    assert (liveness.suspicion(), liveness.verdict()) == (None, None)
    await pass_by(liveness, clock, 2)
    assert liveness.suspicion() == "topic: nothing moved in 31 s"
    assert liveness.verdict() is None
    await pass_by(liveness, clock, 30)
    assert liveness.verdict() == "topic: nothing moved in 61 s"


async def test_one_event_now_and_then_is_enough(liveness: Liveness, clock: Clock, way: Way) -> None:
    for _ in range(10):
        await pass_by(liveness, clock, 25)
        way.moved += 1
    assert liveness.suspicion() is None


async def test_nothing_to_do_is_not_stuck(liveness: Liveness, clock: Clock, way: Way) -> None:
    way.behind = False
    await pass_by(liveness, clock, 300)
    assert liveness.suspicion() is None


async def test_waiting_for_a_store_that_is_away_is_not_stuck(liveness: Liveness, clock: Clock, way: Way) -> None:
    way.away = "the store is away"
    await pass_by(liveness, clock, 300)
    assert liveness.suspicion() is None
    way.away = None
    await pass_by(liveness, clock, 61)
    assert liveness.verdict()


async def test_any_of_several_ways_can_be_stuck(way: Way, clock: Clock) -> None:
    other = Way()
    other.name = "queue"
    liveness = Liveness([way, other], stuck_after_s=STUCK_AFTER_S, clock=clock)
    for _ in range(61):
        way.moved += 1
        await pass_by(liveness, clock, 1)
    assert liveness.verdict() == "queue: nothing moved in 61 s"


async def test_the_time_in_which_the_process_did_not_run_does_not_count(
    liveness: Liveness, clock: Clock, way: Way
) -> None:
    """It was stopped, or the machine slept, or was so busy that the watch itself came late."""
    await pass_by(liveness, clock, 10)
    clock.now_s += 3600
    await liveness.look()
    assert liveness.suspicion() is None
    way.moved += 1
    await pass_by(liveness, clock, 1)
    assert liveness.verdict() is None
