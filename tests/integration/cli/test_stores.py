"""Differences, repair, replay, retention and erasure, on the real stores and through the running services."""

import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest

from cli.addresses import Addresses, find
from cli.erasure import NOT_REACHED
from cli.stored_copies import Found
from cli.stores import open_stores
from operations.resending import Resend
from pipeline.core import clock
from pipeline.core.errors import Rejected
from pipeline.core.ways import Via
from pipeline.events.delivery import Arrival, Delivery
from pipeline.events.envelope import envelope
from pipeline.events.event import parse
from pipeline.events.metadata import Metadata
from streams.dynamodb import DynamoStore
from streams.postgres import PostgresStore
from tests.support.mensageria import Ended, Tool
from tests.support.storing import store_all
from tests.support.waiting import until

DAY_1, DAY_2 = "2001-09-09T23:59:", "2001-09-10T00:00:"
"""No other test has events there."""
RANGE = ("--from", "2001-09-09T00:00:00Z", "--to", "2001-09-11T00:00:00Z")
Copies = dict[str, tuple[str, Any]]
"""By `row`, `sqs` and `kafka`: when it was received, and its data."""


@pytest.fixture
def addresses(system: Any, monkeypatch: pytest.MonkeyPatch) -> Addresses:
    monkeypatch.setenv("MENSAGERIA_HOME", str(system.home))
    return find()


@pytest.fixture
def tool(system: Any) -> Tool:
    return Tool(system.home)


@pytest.fixture
async def stores(aws: dict[str, str]) -> AsyncIterator[tuple[PostgresStore, DynamoStore]]:
    rows, items = PostgresStore(aws["postgres"], connections=2, timeout_s=20), DynamoStore(aws["table"], calls=4)
    yield rows, items
    await rows.close()
    await items.close()


def delivery(identity: tuple[str, str], received_at: str, data: Any, via: Via, subject: str | None = None) -> Delivery:
    source, id_ = identity
    content = {"specversion": "1.0", "id": id_, "source": source, "type": "t.seeded", "data": data}
    text = json.dumps(content | ({"subject": subject} if subject else {})).encode()
    return Delivery(parse(text), Arrival(text, via, {}, received_at, metadata=Metadata(received_at)))


async def seed(stores: tuple[PostgresStore, DynamoStore], events: dict[tuple[str, str], Copies]) -> None:
    rows, items = stores
    in_rows = [delivery(identity, *copies["row"], "sqs") for identity, copies in events.items() if "row" in copies]
    ways: tuple[Via, ...] = ("sqs", "kafka")
    in_items = [
        delivery(identity, *copies[via], via) for identity, copies in events.items() for via in ways if via in copies
    ]
    await store_all(rows, in_rows)
    await store_all(items, in_items)


def gaps(source: str, count: int) -> tuple[dict[tuple[str, str], Copies], dict[tuple[str, str], Any]]:
    """Events over two days, and what is wrong with those of which something is."""
    chance = random.Random(5)
    events: dict[tuple[str, str], Copies] = {}
    wrong: dict[tuple[str, str], Any] = {}
    for number in range(count):
        # Some in one microsecond, some with a position that DynamoDB cuts.
        moment = f"{chance.choice((DAY_1, DAY_2))}{chance.randrange(60):02}.{chance.randrange(3):06}Z"
        identity = (source, str(number)) if number % 10 else (source + "é" * 225, "ü" * 250 + f"{number:012}")
        copies: Copies = dict.fromkeys(("row", "sqs", "kafka"), (moment, number))
        kind = chance.choices(range(8), (30, 1, 1, 1, 1, 1, 1, 1))[0]
        if kind == 5:  # sent again after no answer: it is there, at two times
            copies["kafka"] = (f"{DAY_2}59.999999Z", number)
        elif kind == 6:
            copies["kafka"] = (moment, "another")
            wrong[identity] = ([], True)
        elif kind == 7:  # and a later one that a way lacks
            copies["kafka"] = (f"{DAY_2}58.000000Z", number)
            del copies["sqs"]
            wrong[identity] = (["c"], False)
        for name, place in {
            1: {"row": "b"},
            2: {"sqs": "c"},
            3: {"kafka": "kafka"},
            4: {"sqs": "c", "kafka": "kafka"},
        }.get(kind, {}).items():
            del copies[name]
            wrong.setdefault(identity, ([], False))[0].append(place)
        events[identity] = copies
    return events, wrong


def told(ended: Ended, source: str) -> dict[tuple[str, str], Any]:
    mine = [line for line in ended.lines if line["source"].startswith(source)]
    found = {(line["source"], line["id"]): (line["missing"], line["conflict"]) for line in mine}
    assert len(found) == len(mine), "an event was told twice"
    return found


async def test_differences_finds_exactly_the_gaps_and_repair_heals_them(
    stores: tuple[PostgresStore, DynamoStore], addresses: Addresses, tool: Tool, source: str, scale: float
) -> None:
    events, wrong = gaps(source, int(20_000 * scale))
    assert len({str(each) for each in wrong.values()}) == 5
    await seed(stores, events)
    compared = await tool("differences", *RANGE, "--json")
    assert told(compared, source) == wrong
    assert compared.code == 1

    conflicts = {identity: found for identity, found in wrong.items() if found[1]}
    repaired = await tool("differences", *RANGE, "--repair", "--json")
    assert told(repaired, source) == wrong

    async def healed() -> bool:
        return told(await tool("differences", *RANGE, "--json"), source) == conflicts

    await until(healed, within_s=60)
    missed = next(identity for identity, found in wrong.items() if found == (["b"], False))
    async with open_stores(addresses) as (rows, _):
        (row,) = await rows.find([missed])
    assert row.copy.received_at == events[missed]["sqs"][0]


async def test_nothing_is_different_where_all_is_well(tool: Tool) -> None:
    ended = await tool("differences", "--from", "2001-01-01T00:00:00Z", "--to", "2001-01-03T00:00:00Z")
    assert (ended.code, ended.out) == (0, "")


async def test_an_event_only_postgres_has_is_brought_back_from_its_meaning(
    stores: tuple[PostgresStore, DynamoStore], addresses: Addresses, tool: Tool, source: str
) -> None:
    data = {"b": [1.50, -0.0, 1e5, 12345678901234567], "a": 'é"\\/\n'}
    moment = "2001-09-12T00:00:00.000000Z"
    await seed(stores, {(source, "a"): {"row": (moment, data)}})
    between = ("--from", moment, "--to", "2001-09-13T00:00:00Z")
    assert (await tool("differences", *between, "--repair")).code == 0

    async def whole() -> bool:
        async with open_stores(addresses) as (rows, items):
            copies: list[Found] = await rows.find([(source, "a")]) + await items.find([(source, "a")])
        return len(copies) == 3 and len({each.copy.content_hash for each in copies}) == 1

    await until(whole, within_s=30)


async def test_a_replay_gives_a_store_again_what_it_lost(
    stores: tuple[PostgresStore, DynamoStore], addresses: Addresses, tool: Tool, system: Any, source: str
) -> None:
    moment = "2001-09-14T00:00:00.000000Z"
    copies: Copies = dict.fromkeys(("row", "sqs", "kafka"), (moment, 1))
    await seed(stores, {(source, str(number)): copies for number in range(5)})
    execute(system, "delete from events where source = %s", source)
    replay = ("replay", "--into", "b", "--from", moment, "--to", "2001-09-15T00:00:00Z", "--source", source)
    rehearsed = await tool(*replay, "--json")
    assert (len(rehearsed.lines), "nothing was sent" in rehearsed.err) == (5, True)
    assert (await tool(*replay, "--yes", "--json")).lines == [{"sent": 5, "not_sent": 0}]

    async def all_back() -> bool:
        async with open_stores(addresses) as (rows, _):
            return len(await rows.find((source, str(number)) for number in range(5))) == 5

    await until(all_back, within_s=30)


async def test_retention_deletes_what_is_older_and_nothing_else(
    stores: tuple[PostgresStore, DynamoStore], addresses: Addresses, tool: Tool, source: str
) -> None:
    old = {(source, str(number)): {"row": ("1999-01-01T00:00:00.000000Z", 1)} for number in range(1200)}
    await seed(stores, old | {(source, "new"): {"row": ("2026-11-23T00:00:00.000000Z", 1)}})
    days = ("retention", "--days", str((clock.now() - datetime(2000, 1, 1, tzinfo=UTC)).days), "--json")
    assert (await tool(*days)).lines[0]["rows"] == 1200
    assert (await tool(*days, "--yes")).lines[0]["deleted"] == 1200
    async with open_stores(addresses) as (rows, _):
        assert [each.copy.id for each in await rows.find([*old, (source, "new")])] == ["new"]


async def test_one_subject_is_erased_everywhere_and_no_other(
    stores: tuple[PostgresStore, DynamoStore], addresses: Addresses, tool: Tool, system: Any, source: str
) -> None:
    rows, items = stores
    for subject, name in (("ana", "a"), ("bob", "b")):
        who = f"{subject}-{source}"
        moment = "2026-11-23T15:24:00.000000Z"
        await rows.store([delivery((source, name), moment, 1, "sqs", who)])
        await items.store([delivery((source, name), moment, 1, via, who) for via in ("sqs", "kafka")])
        await die(addresses, source, name, who)
    erase = ("erase", f"ana-{source}", "--reference", f"ticket {source}", "--json")
    counted = await tool(*erase)
    there, gone = ({"rows": rows, "items": 2 * rows, "dead_letters": 3 * rows, "elsewhere": 0} for rows in (1, 0))
    assert counted.lines == [there]
    erased = await tool(*erase, "--yes")
    assert (erased.code, erased.lines) == (0, [there | {"reference": f"ticket {source}"}])
    assert (await tool(*erase)).lines == [gone]
    left = await tool("erase", f"bob-{source}", "--reference", "none", "--json")
    assert left.lines == [there]
    (record,) = execute(system, "select * from erasures where reference = %s", f"ticket {source}")
    assert (record[3] is not None, record[4:]) == (True, (1, 2, 3, "; ".join(NOT_REACHED)))
    assert "ana" not in str(record)
    await tool("erase", f"bob-{source}", "--reference", "none", "--yes")


async def test_an_erasure_is_not_whole_while_another_reader_has_letters(
    addresses: Addresses, tool: Tool, system: Any, source: str
) -> None:
    who = f"ana-{source}"
    await die(addresses, source, "a", who)
    erase = ("erase", who, "--reference", f"ticket {source}", "--json", "--yes")
    async with addresses.places.dead_letters("b") as reading:
        held = [letter async for letter in reading.letters()]
        ended = await tool(*erase)
    assert (ended.code, ended.lines[0]["dead_letters"]) == (1, 2), ended.err
    assert f"not whole: {len(held)}" in ended.err
    again = await tool(*erase)
    assert (again.code, again.lines[0]["dead_letters"]) == (0, 1), again.err
    records = execute(
        system,
        "select ended_at is not null, dead_letters from erasures where reference = %s order by id",
        f"ticket {source}",
    )
    assert records == [(False, 2), (True, 1)]


async def die(addresses: Addresses, source: str, name: str, subject: str) -> None:
    """A dead letter of the subject in each place: an event, a raw message, and what is no event."""
    dead = delivery((source, f"dead-{name}"), "2026-11-23T15:24:00.000000Z", 1, "sqs", subject).arrival
    async with addresses.places.queue("b", dead=True) as queue:
        await queue.send(envelope(dead, Rejected("rejected", ""), "service-b").decode(), {})
    async with addresses.places.queue("c", dead=True) as queue:
        await queue.send(dead.body.decode(), {})
    async with addresses.places.resender("kafka") as resender:
        await resender.send(Resend(f'{{"subject": "{subject}", '.encode(), {}))

    async def arrived() -> bool:
        async with addresses.places.dead_letters("kafka") as reading:
            return any([subject.encode() in letter.body async for letter in reading.letters()])

    await until(arrived, within_s=30)


def execute(system: Any, statement: str, *values: str) -> list[Any]:
    connection = psycopg2.connect(system.endpoints["postgres"])
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()
