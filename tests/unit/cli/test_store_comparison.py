"""The order of copies, and what is a difference: on copies made up, as no store is needed."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.replaying import Unsendable, outgoing
from cli.stored_copies import Copy, Found, side_by_side
from pipeline.events.event import parse
from pipeline.events.metadata import Metadata

identities = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)
copies = st.builds(
    Copy,
    received_at=st.sampled_from([f"2001-01-01T00:00:00.00000{digit}Z" for digit in range(4)]),
    source=identities,
    id=identities,
    content_hash=st.just("0"),
    via=st.sampled_from([None, "sqs", "kafka"]),
)


async def streamed(items: Sequence[Copy]) -> AsyncIterator[Copy]:
    for item in sorted(items, key=lambda copy: (copy.received_at, copy.source, copy.id)):
        yield item


@given(st.lists(st.lists(copies, max_size=10), max_size=4))
def test_streams_are_merged_whole_in_order_and_grouped(streams: list[list[Copy]]) -> None:
    async def merged() -> list[list[Copy]]:
        return [group async for group in side_by_side([streamed(items) for items in streams])]

    groups = asyncio.run(merged())
    positions = [group[0].position for group in groups]
    assert positions == sorted(set(positions))
    assert all(copy.position == group[0].position for group in groups for copy in group)
    together = [copy for group in groups for copy in group]
    assert sorted(map(repr, together)) == sorted(repr(copy) for items in streams for copy in items)


def found(body: bytes, via: str | None, content_hash: str | None = None, received_at: str = "1") -> Found:
    event = parse(body)
    way = None if via is None else "sqs" if via == "sqs" else "kafka"
    copy = Copy(received_at, event.source, event.id, content_hash or event.content_hash().hex(), way)  # type: ignore[arg-type]
    return Found(copy, event.type, event.subject, body, Metadata())


EVENT = b'{"specversion":"1.0","id":"a","source":"s","type":"t","partitionkey":"k","data":1.0}'
MEANING = b'{"id": "a", "data": 1, "type": "t", "source": "s", "specversion": "1.0", "partitionkey": "k"}'


def test_the_bytes_that_were_sent_go_again_at_their_place_and_with_their_key() -> None:
    sent = outgoing([found(MEANING, None, received_at="1"), found(EVENT, "kafka", received_at="2")])
    assert (sent.body, sent.key, sent.beside) == (EVENT, "k", {"received_at": "1"})


def test_another_content_is_never_sent_in_its_place() -> None:
    other = EVENT.replace(b"1.0}", b"2}")
    assert outgoing([found(MEANING, None), found(other, "sqs")]).body == MEANING


def test_what_postgres_writes_as_another_content_is_not_sent() -> None:
    with pytest.raises(Unsendable, match="source 's', id 'a'"):
        outgoing([found(MEANING, None, content_hash="00")])
