"""Followed events are reported to whoever follows them, for as long as that lasts, and cost others nothing."""

import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from pipeline.core.errors import Rejected
from pipeline.core.identity import Identity
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.ways import Via
from pipeline.events import receipts
from pipeline.events.delivery import Arrival, Delivery
from pipeline.events.event import parse
from pipeline.events.receipts import FOLLOW_S, Follow, Report
from streams import followed, receipt_writer
from streams.batch_state import Refused
from streams.follow_reader import FollowReader
from streams.followed import Followed
from streams.receipt_writer import ReceiptWriter
from streams.store import Copy, Stored
from tests.support.clock import Clock
from tests.support.waiting import until

BODY = b'{"specversion": "1.0", "id": "%b", "source": "urn:test", "type": "t"}'


def delivery(id_: str, reply_to: str | None = None) -> Delivery:
    body = BODY % id_.encode()
    arrival = Arrival(
        body=body, via="sqs", origin={"message_id": id_}, first_seen="2026-11-23T15:00:00Z", reply_to=reply_to
    )
    return Delivery(parse(body), arrival)


def follow(address: str, id_: str = "1") -> Follow:
    return Follow(address, "urn:test", id_)


class Sending(ReceiptWriter):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__(KafkaSettings(), "dynamodb", CollectorRegistry())
        self.batches: list[receipt_writer._Batch] = []

    def _put(self, batch: receipt_writer._Batch) -> None:
        self.batches.append(batch)

    async def reports(self) -> Sequence[Report]:
        return [each for batch in self.batches for each in batch.reports or await self._reports(batch)]


async def test_a_followed_event_is_reported_to_each_who_follows_and_to_its_sender() -> None:
    writer = Sending()
    for address in ("a", "b", "a"):
        writer.followed.add(follow(address))
    writer.stored(Stored(new=[delivery("1", "sender"), delivery("2")], stored_at="2026-11-23T15:00:01Z"))
    assert sorted((each.reply_to, each.id) for each in await writer.reports()) == [
        ("a", "1"),
        ("b", "1"),
        ("sender", "1"),
    ]


async def test_a_dead_letter_of_a_followed_event_is_reported() -> None:
    writer = Sending()
    writer.followed.add(follow("a"))
    refused = delivery("1")
    writer.refused([Refused(refused.arrival, Rejected("conflict", "another content"), refused.event)])
    writer.refused([Refused(refused.arrival, Rejected("malformed", "no JSON"))])
    assert [(each.reply_to, each.dead_letter) for each in await writer.reports()] == [("a", "conflict")]


async def test_what_nobody_follows_makes_no_batch() -> None:
    writer = Sending()
    writer.followed.add(follow("a", "another"))
    writer.stored(Stored(new=[delivery("1")]))
    writer.report([])
    assert not writer.batches


def test_a_follow_lasts_until_it_is_repeated_no_more(clock: Clock) -> None:
    one, identity = Followed(clock), ("urn:test", "1")
    one.add(follow("a"))
    clock.now += FOLLOW_S - 1
    one.add(follow("b"))
    assert list(one.addresses(identity)) == ["a", "b"]
    clock.now += 2
    assert list(one.addresses(identity)) == ["b"]
    one.expire()
    assert one
    clock.now += FOLLOW_S
    one.expire()
    assert not one


def test_follows_are_bounded_and_make_room_when_they_expire(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed, "_MOST", 2)
    one = Followed(clock)
    for address in ("a", "b", "c"):
        one.add(follow(address))
    assert list(one.addresses(("urn:test", "1"))) == ["a", "b"]
    clock.now += FOLLOW_S + 1
    one.add(follow("c"))
    assert list(one.addresses(("urn:test", "1"))) == ["c"]


LONG = receipts.encode(receipts.Follow("a", "s" * 1024, "1"))


@pytest.mark.parametrize(
    "value", [None, b"", b"[]", b"\xff", b'{"reply_to": "", "source": "s", "id": "1"}', b"[" * 10_000, LONG]
)
def test_what_is_no_follow_is_passed_over(value: bytes | None) -> None:
    assert receipts.decode_follow(value) is None
    assert receipts.decode_follow(receipts.encode(follow("a"))) == follow("a")


async def test_an_identity_that_no_store_can_have_holds_up_no_other() -> None:
    writer = Sending()

    async def look_up(identity: Identity) -> Sequence[tuple[Via, Copy]]:
        if identity[1] == "\0":
            raise Rejected("rejected", "postgres 22P05: unsupported Unicode escape sequence")
        return [("sqs", Copy("2026-11-23T15:00:00Z", None, {}))]

    reader = FollowReader(KafkaSettings(), "postgres", look_up, writer)
    for id_ in ("\0", "1"):
        reader._take(receipts.encode(follow("a", id_)))
    looking = asyncio.create_task(reader._look_all_up())

    async def is_reported() -> bool:
        assert not looking.done()
        return bool(writer.batches)

    await until(is_reported, within_s=5)
    looking.cancel()
    assert [each.id for each in await writer.reports()] == ["1"]
