"""Work in the order of its keys."""

import asyncio
import random
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.in_order import InOrder, keys_of

EVENTS = st.lists(st.frozensets(st.sampled_from("abcd"), max_size=2), max_size=40)


@given(events=EVENTS, at_once=st.integers(1, 8), seed=st.integers())
def test_what_shares_a_key_is_done_in_order_and_never_at_once(
    events: list[frozenset[str]], at_once: int, seed: int
) -> None:
    chance = random.Random(seed)
    done: list[int] = []
    under_way: set[int] = set()

    async def work(number: int) -> int:
        assert all(not events[other] & events[number] for other in under_way)
        under_way.add(number)
        assert len(under_way) <= at_once
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        under_way.discard(number)
        done.append(number)
        return number

    async def all_of_them() -> None:
        in_order = InOrder[int](at_once)
        tasks = [in_order.start(keys, partial(work, number)) for number, keys in enumerate(events)]
        assert await asyncio.gather(*tasks) == list(range(len(events)))

    asyncio.run(all_of_them())
    for key in "abcd":
        of_key = [number for number in done if key in events[number]]
        assert of_key == sorted(of_key)


async def test_keys_do_not_wait_for_one_another() -> None:
    in_order, first_may_end = InOrder[str](2), asyncio.Event()

    async def first() -> str:
        await first_may_end.wait()
        return "first"

    async def other() -> str:
        first_may_end.set()
        return "other"

    tasks = [in_order.start(frozenset(key), work) for key, work in (("a", first), ("b", other))]
    assert await asyncio.wait_for(asyncio.gather(*tasks), 5) == ["first", "other"]


async def test_behind_a_failure_nothing_of_its_key_is_done() -> None:
    in_order, done = InOrder[None](4), list[str]()

    async def fail() -> None:
        raise ConnectionError("away")

    async def do(name: str) -> None:
        done.append(name)

    failed = in_order.start(frozenset("a"), fail)
    with pytest.raises(ConnectionError):
        await failed
    later = [in_order.start(frozenset(key), partial(do, key)) for key in ("a", "b", "a")]
    ended = await asyncio.gather(*later, return_exceptions=True)
    assert done == ["b"]
    assert [type(end) for end in ended] == [ConnectionError, type(None), ConnectionError]


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        ('{"id": "1", "partitionkey": "k"}', {"1", "k"}),
        ('{"id": 1, "data": {"id": "inner"}}', set()),
        ("[1]", set()),
        ("{", set()),
        ("[" * 100_000, set()),
        (b"\xff", set()),
        ('{"id": "\\ud800"}', set()),
    ],
)
def test_the_keys_of_an_event(event: str | bytes, keys: set[str]) -> None:
    assert keys_of(event) == keys
