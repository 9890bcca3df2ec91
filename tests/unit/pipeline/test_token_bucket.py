"""The token bucket: bursts, debt, and how long until the next token."""

import pytest

from pipeline.core.token_bucket import TokenBucket
from tests.support.clock import Clock


def test_a_burst_passes_and_then_the_rate(clock: Clock) -> None:
    bucket = TokenBucket(10, 5, clock)
    for _ in range(5):
        assert bucket.wait_s() == 0
        bucket.spend()
    assert bucket.wait_s() == pytest.approx(0.1)
    clock.now += 0.11
    assert bucket.wait_s() == 0


def test_a_large_batch_goes_into_debt(clock: Clock) -> None:
    bucket = TokenBucket(10, 5, clock)
    bucket.spend(105)
    assert bucket.wait_s() == pytest.approx(10.1)
    clock.now += 10
    assert bucket.wait_s() == pytest.approx(0.1)
    clock.now += 0.2
    assert bucket.wait_s() == 0


def test_no_pause_fills_it_over_its_burst(clock: Clock) -> None:
    bucket = TokenBucket(10, 5, clock)
    clock.now += 3600
    bucket.spend(6)
    assert bucket.wait_s() == pytest.approx(0.2)
