"""Records drawn from all that a topic can hold, on the real broker: each is stored or is one dead letter."""

import asyncio
import json
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cli.addresses import find
from pipeline.clients.aws import client
from stack.http_client import http_client
from tests.support.foreign_records import CODECS, Watched, event, producing, put, stored, stored_by_kafka
from tests.support.waiting import until

RECORDS = 25
"""Records of one draw: `--long` draws 20 times, 500 records."""


class Drawn(NamedTuple):
    """`body` is what cannot be an event, None is an event."""

    body: bytes | None
    is_binary: bool
    codec: str
    partition: int
    key: bytes | None
    headers: list[tuple[str, bytes | None]]
    timestamp: int | None
    transaction: bool | None


NAMES = (
    st.binary(max_size=8)
    .map(lambda octets: octets.decode(errors="surrogateescape"))
    .filter(lambda name: not name.startswith("ce_") and name != "content-type")
)
DRAWN = st.builds(
    Drawn,
    body=st.none() | st.none() | st.binary(max_size=40),
    is_binary=st.booleans(),
    codec=st.sampled_from(list(CODECS)),
    partition=st.integers(0, 3),
    key=st.none() | st.binary(max_size=8),
    headers=st.lists(st.tuples(NAMES | st.just("received_at"), st.none() | st.binary(max_size=8)), max_size=4),
    timestamp=st.none() | st.sampled_from([-1, 0, 1, -(10**14), 946_684_800_000]),
    transaction=st.sampled_from([None, None, True, False]),
)


@pytest.mark.timeout(1500)
def test_any_records(
    system: Any, aws: dict[str, str], source: str, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENSAGERIA_HOME", str(system.home))
    drawn = 0

    @settings(
        max_examples=int(20 * scale), phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None
    )
    @given(st.lists(DRAWN, min_size=RECORDS, max_size=RECORDS))
    def draw(records: list[Drawn]) -> None:
        nonlocal drawn
        drawn += 1
        asyncio.run(settled(system, aws, f"{source}:{drawn}", records))

    draw()


async def settled(system: Any, aws: dict[str, str], source: str, records: list[Drawn]) -> None:
    """Write the records, and see that each came to where it belongs."""
    async with http_client(timeout=30) as http, http_client(base_url=aws["query"], timeout=30) as query:
        watched = Watched(system, http)
        await written(aws, source, records)
        is_kept = [each.transaction is not False for each in records]
        good = [str(n) for n, each in enumerate(records) if each.body is None and is_kept[n]]
        if good:
            await stored(query, source, *good, within_s=30)
        await watched.rest()
        await nothing_aborted(query, source, records)
        bad = [str(n) for n, each in enumerate(records) if each.body is not None and is_kept[n]]
        async with find().places.dead_letters("kafka") as reading:
            marks = [mark_of(letter.envelope.headers) async for letter in reading.letters()]
        assert sorted(mark for mark in marks if mark and mark.startswith(f"{source} ")) == sorted(
            f"{source} {id_}" for id_ in bad
        )


async def nothing_aborted(query: httpx.AsyncClient, source: str, records: list[Drawn]) -> None:
    for number, each in enumerate(records):
        if each.transaction is False:
            assert await stored_by_kafka(query, source, str(number)) is None


def mark_of(headers: Any) -> str | None:
    """What the header `mark` of a letter's record says."""
    return next((header.value for header in headers or () if header.name == "mark"), None)


async def written(aws: dict[str, str], source: str, records: list[Drawn]) -> None:
    async with (
        producing(aws["kafka"]) as plain,
        producing(aws["kafka"], transactional_id=source) as transactional,
    ):
        for number, each in enumerate(records):
            headers = [("mark", f"{source} {number}".encode()), *each.headers]
            value = each.body if each.body is not None else event(source, str(number))
            if each.body is None and each.is_binary:
                attributes = json.loads(value)
                headers += [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
                value = b"\0data"
            if each.transaction is not None:
                await transactional.begin_transaction()
                named = [pair for pair in headers if is_utf8(pair[0])]
                await transactional.send_and_wait(aws["kafka_topic"], value, partition=each.partition, headers=named)
                await (transactional.commit_transaction if each.transaction else transactional.abort_transaction)()
                continue
            await put(
                plain,
                aws["kafka_topic"],
                value,
                partition=each.partition,
                key=each.key,
                headers=headers,
                timestamp=each.timestamp,
                codec=each.codec,
            )


def is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


ATTRIBUTES = st.dictionaries(
    st.sampled_from(["received_at", "traceparent", "publisher", "n", "b"]),
    st.one_of(
        st.just({"DataType": "Number", "StringValue": "12"}),
        st.binary(min_size=1, max_size=9).map(lambda octets: {"DataType": "Binary.x", "BinaryValue": octets}),
        st.text("a:- 0é", min_size=1, max_size=9).map(lambda text: {"DataType": "String", "StringValue": text}),
    ),
)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("place", ["b", "c"])
def test_any_messages(
    system: Any, aws: dict[str, str], source: str, scale: float, place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENSAGERIA_HOME", str(system.home))
    drawn = 0

    @settings(
        max_examples=int(50 * scale), phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None
    )
    @given(st.lists(st.tuples(st.booleans(), ATTRIBUTES), min_size=10, max_size=10))
    def draw(messages: list[tuple[bool, dict[str, Any]]]) -> None:
        nonlocal drawn
        drawn += 1
        asyncio.run(received(aws, place, f"{source}:{drawn}", messages))

    draw()


async def received(aws: dict[str, str], place: Any, source: str, messages: list[tuple[bool, dict[str, Any]]]) -> None:
    """Put a batch of ten into the queue, and see that each came to where it belongs."""
    entries: list[dict[str, Any]] = [
        {
            "Id": str(number),
            "MessageBody": event(source, str(number)).decode() if is_event else f"{source} {number}",
            "MessageAttributes": attributes,
        }
        for number, (is_event, attributes) in enumerate(messages)
    ]
    async with client("sqs") as sqs:
        await sqs.send_message_batch(QueueUrl=aws[f"queue_{place}"], Entries=entries)
    bad = [each for number, each in enumerate(entries) if not messages[number][0]]
    store = {"b": "postgres", "c": "dynamodb"}[place]
    async with http_client(base_url=aws["query"], timeout=30) as query:
        for number, (is_event, _) in enumerate(messages):
            if is_event:
                assert await until(lambda id_=str(number): is_stored(query, source, id_, store), within_s=30)  # type: ignore[misc]

    async def letters() -> Any:
        async with find().places.dead_letters(place) as reading:
            found = [each async for each in reading.letters() if each.body.decode().startswith(f"{source} ")]
        return found if len(found) >= len(bad) else None

    if bad:
        found = await until(letters, within_s=30)
        assert sorted(each.body.decode() for each in found) == sorted(each["MessageBody"] for each in bad)
        assert {each.envelope.attempts for each in found} == {1}


async def is_stored(query: httpx.AsyncClient, source: str, id_: str, store: str) -> bool:
    answer = await query.get("/event", params={"source": source, "id": id_})
    if answer.status_code != 200:
        return False
    receipt = answer.json()["receipt"][store]
    return bool(receipt if store == "postgres" else receipt["sqs"])
