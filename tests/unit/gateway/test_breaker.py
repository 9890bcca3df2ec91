"""The breaker: what opens it, who probes, and that it closes by itself."""

import pytest

from gateway.legs.breaker import MIN_FAILURES, PAUSE_S, PROBE_TIMEOUT_S, Breaker
from tests.support.clock import Clock


@pytest.fixture
def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock)
    begun = breaker.begin()
    for _ in range(MIN_FAILURES):
        breaker.failed(begun)
    return breaker


def test_it_opens_only_after_several_failures(clock: Clock) -> None:
    breaker = Breaker(clock)
    for _ in range(MIN_FAILURES - 1):
        breaker.failed(breaker.begin())
    assert breaker.retry_after_s() == 0
    breaker.failed(breaker.begin())
    assert breaker.is_open


def test_failures_beside_a_success_open_nothing(clock: Clock) -> None:
    breaker = Breaker(clock)
    begun = breaker.begin()
    clock.now += 1
    breaker.succeeded()
    for _ in range(10 * MIN_FAILURES):
        breaker.failed(begun)
    assert not breaker.is_open


def test_an_open_one_refuses_and_lets_one_probe_through_after_its_pause(clock: Clock, opened: Breaker) -> None:
    assert 0.75 * PAUSE_S <= opened.retry_after_s() <= PAUSE_S
    clock.now += PAUSE_S
    assert opened.retry_after_s() == 0
    opened.begin()
    assert opened.retry_after_s() > 0


def test_a_probe_that_succeeds_closes_it(clock: Clock, opened: Breaker) -> None:
    clock.now += PAUSE_S
    opened.begin()
    opened.succeeded()
    assert not opened.is_open
    assert opened.retry_after_s() == 0


def test_a_probe_that_fails_pauses_again(clock: Clock, opened: Breaker) -> None:
    clock.now += PAUSE_S
    opened.failed(opened.begin())
    assert opened.is_open
    assert 0.75 * PAUSE_S <= opened.retry_after_s() <= PAUSE_S


def test_a_probe_that_was_broken_off_bars_the_way_for_a_while_only(clock: Clock, opened: Breaker) -> None:
    clock.now += PAUSE_S
    opened.begin()
    clock.now += PROBE_TIMEOUT_S
    assert opened.retry_after_s() == 0


def test_a_failure_from_before_the_probe_lets_no_second_one_through(clock: Clock) -> None:
    breaker = Breaker(clock)
    begun = breaker.begin()
    for _ in range(MIN_FAILURES):
        breaker.failed(begun)
    clock.now += PAUSE_S
    probed = breaker.begin()
    breaker.failed(begun)
    clock.now += PAUSE_S
    assert breaker.retry_after_s() == pytest.approx(PROBE_TIMEOUT_S - PAUSE_S)
    breaker.failed(probed)
    assert 0 < breaker.retry_after_s() <= PAUSE_S
