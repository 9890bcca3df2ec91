"""Dead letters of every place, with the command and the real queues, topic and services."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import psycopg2
import pytest

from cli.addresses import Addresses, find
from cli.stores import open_stores
from operations.dead_letters import DeadLetter, Place
from operations.redrive import Choice, chosen
from operations.resending import Resend
from pipeline.core.errors import Rejected
from pipeline.events.delivery import Arrival
from pipeline.events.envelope import envelope
from pipeline.events.event import MAX_EVENT_BYTES
from tests.support.mensageria import Tool, interrupted_after
from tests.support.waiting import until

RECEIVED_AT = "2026-11-23T15:24:00.123456Z"
PLACES: tuple[Place, ...] = ("b", "c", "kafka")


@pytest.fixture
def addresses(system: Any, monkeypatch: pytest.MonkeyPatch) -> Addresses:
    monkeypatch.setenv("MENSAGERIA_HOME", str(system.home))
    return find()


@pytest.fixture
def tool(system: Any) -> Tool:
    return Tool(system.home, ("dead-letters",))


def body(source: str, id_: str, data: Any = None) -> bytes:
    return json.dumps({"specversion": "1.0", "id": id_, "source": source, "type": "t", "data": data}).encode()


async def send(addresses: Addresses, place: Place, *bodies: bytes) -> None:
    async with addresses.places.resender(place) as resender:
        for each in bodies:
            await resender.send(Resend(each, {"received_at": RECEIVED_AT, "publisher": "test"}, "key"))


@asynccontextmanager
async def dead_queue(addresses: Addresses, name: Literal["b", "c"]) -> AsyncIterator[Any]:
    async with addresses.places.queue(name, dead=True) as queue:
        yield queue


async def lying(addresses: Addresses, place: Place, source: str) -> list[DeadLetter]:
    async with addresses.places.dead_letters(place) as reading:
        return [letter async for letter in chosen(reading, Choice(source=source))]


async def arrived(addresses: Addresses, place: Place, source: str, count: int = 1) -> list[DeadLetter]:
    async def look() -> list[DeadLetter] | None:
        letters = await lying(addresses, place, source)
        return letters if len(letters) == count else None

    found = await until(look, within_s=30)
    assert found is not None
    return found


@pytest.mark.parametrize("place", PLACES)
async def test_letters_are_shown_sent_again_and_discarded(
    place: Place, addresses: Addresses, tool: Tool, source: str
) -> None:
    await send(addresses, place, *(body(source, str(number), "x" * MAX_EVENT_BYTES) for number in range(3)))
    letters = await arrived(addresses, place, source, 3)
    keys = {letter.key for letter in letters}
    mine = ("--in", place, "--source", source)
    listed = await tool("list", *mine, "--json")
    assert {line["key"] for line in listed.lines} == keys
    assert {(line["reason"], line["received_at"]) for line in listed.lines} == {("too_large", RECEIVED_AT)}
    key = letters[0].key
    whole = (await tool("show", key, "--json")).lines[0]
    assert json.loads(whole["body"]) == json.loads(letters[0].body)

    rehearsed = await tool("send-again", *mine, "--json")
    assert ({line["key"] for line in rehearsed.lines}, "nothing was done" in rehearsed.err) == (keys, True)
    assert {letter.key for letter in await lying(addresses, place, source)} == keys

    assert (await tool("send-again", key, "--yes")).code == 0
    # It is still too large, so it comes again, as another letter of the same event.
    again = await arrived(addresses, place, source, 3)
    assert key not in {letter.key for letter in again}
    assert {(letter.event and letter.event.id, letter.envelope.publisher) for letter in again} == {
        (str(number), "test") for number in range(3)
    }

    assert len((await tool("discard", *mine, "--yes", "--json")).lines) == 3
    assert await lying(addresses, place, source) == []
    assert (await tool("show", key)).code == 1


async def test_a_conflict_that_was_resolved_is_stored_when_sent_again(
    addresses: Addresses, tool: Tool, system: Any, source: str
) -> None:
    await send(addresses, "b", body(source, "a", 1))
    await until(lambda: rows(addresses, source), within_s=20)
    await send(addresses, "b", body(source, "a", 2))
    (letter,) = await arrived(addresses, "b", source)
    assert letter.envelope.reason == "conflict"
    connection = psycopg2.connect(system.endpoints["postgres"])
    with connection, connection.cursor() as cursor:
        cursor.execute("delete from events where source = %s", (source,))
    connection.close()
    assert (await tool("send-again", "--in", "b", "--source", source, "--reason", "conflict", "--yes")).code == 0
    (row,) = await until(lambda: rows(addresses, source), within_s=20)
    assert (json.loads(row.body)["data"], row.copy.received_at, row.metadata.publisher) == (2, RECEIVED_AT, "test")
    assert await lying(addresses, "b", source) == []


async def rows(addresses: Addresses, source: str, *ids: str) -> Any:
    async with open_stores(addresses) as (stored, _):
        return await stored.find((source, id_) for id_ in ids or ("a",))


async def test_what_sqs_moved_by_itself_is_shown_and_sent_again(addresses: Addresses, tool: Tool, source: str) -> None:
    async with dead_queue(addresses, "b") as queue:
        await queue.send(body(source, "a").decode(), {"received_at": RECEIVED_AT})
    (letter,) = await arrived(addresses, "b", source)
    kept = letter.envelope
    assert (kept.reason, kept.service, kept.via) == ("max_receives", "service-b", "sqs")
    assert (await tool("send-again", letter.key, "--yes")).code == 0
    (row,) = await until(lambda: rows(addresses, source), within_s=20)
    assert row.copy.received_at == RECEIVED_AT


def enveloped(source: str, id_: str, detail: str = "") -> bytes:
    arrival = Arrival(body(source, id_), "sqs", {"queue": "events-b", "message_id": id_}, RECEIVED_AT)
    return envelope(arrival, Rejected("rejected", detail), "service-b")


async def fill(addresses: Addresses, name: Literal["b", "c"], envelopes: list[bytes]) -> None:
    async with dead_queue(addresses, name) as queue:
        await asyncio.gather(*(queue.send(each.decode(), {}) for each in envelopes))


async def test_hundreds_are_listed_whole_and_given_back(
    addresses: Addresses, tool: Tool, source: str, scale: float
) -> None:
    count = int(3000 * scale)
    await fill(addresses, "c", [enveloped(source, str(number)) for number in range(count)])
    for _ in range(2):
        letters = await lying(addresses, "c", source)
        assert {letter.event and letter.event.id for letter in letters} == set(map(str, range(count)))
    one, other = await asyncio.gather(*(tool("list", "--in", "c", "--source", source, "--json") for _ in range(2)))
    # Two readers at once share them, and each that got only a part says so.
    assert all(len(ended.lines) == count or "could not be seen" in ended.err for ended in (one, other))
    assert len((await tool("discard", "--source", source, "--in", "c", "--yes", "--json")).lines) == count


async def test_sending_again_is_interrupted_and_repeated(
    addresses: Addresses, tool: Tool, system: Any, source: str
) -> None:
    ids = [str(number) for number in range(30)]
    await fill(addresses, "b", [enveloped(source, id_) for id_ in ids])
    command = ("dead-letters", "send-again", "--in", "b", "--source", source, "--yes", "--json")
    ended = await asyncio.to_thread(interrupted_after, system.home, 8, *command, "--rate", "20")
    assert ended.code == 130, ended.err
    left = {letter.event.id for letter in await lying(addresses, "b", source) if letter.event}
    assert 0 < len(left) < 30
    assert left | {letter["id"] for letter in ended.lines} >= set(ids)
    assert (await tool(*command[1:])).code == 0

    async def all_stored() -> bool:
        return len(await rows(addresses, source, *ids)) == 30

    await until(all_stored, within_s=20)
    assert await lying(addresses, "b", source) == []


async def test_an_interrupted_listing_gives_all_back(addresses: Addresses, system: Any, source: str) -> None:
    # More than a pipe holds: the command is in the midst of its listing until somebody reads.
    await fill(addresses, "b", [enveloped(source, str(number), "x" * 4_000) for number in range(60)])
    command = ("dead-letters", "list", "--in", "b", "--source", source, "--json")
    loop = asyncio.get_running_loop()

    async def some_are_hidden() -> bool:
        async with addresses.places.queue("b", dead=True) as queue:
            return (await queue.depth()).in_flight > 0

    def is_reading() -> None:
        asyncio.run_coroutine_threadsafe(until(some_are_hidden, within_s=30, every_s=0.01), loop).result()

    ended = await asyncio.to_thread(interrupted_after, system.home, 0, *command, until_then=is_reading)
    assert ended.code == 130, ended.err
    assert len(await lying(addresses, "b", source)) == 60
    await Tool(system.home)("dead-letters", "discard", "--in", "b", "--source", source, "--yes")


async def test_letters_are_exported_with_their_bytes(
    addresses: Addresses, tool: Tool, source: str, tmp_path: Path
) -> None:
    await fill(addresses, "b", [enveloped(source, "a", "\x1b[2J\nhostile")])
    file = tmp_path / "letters.jsonl"
    assert (await tool("export", str(file), "--in", "b", "--source", source)).code == 0
    (letter,) = map(json.loads, file.read_text().splitlines())
    assert json.loads(letter["body"])["source"] == source
    assert "\x1b" not in (await tool("list", "--in", "b", "--source", source)).out
    await tool("discard", "--in", "b", "--source", source, "--yes")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("send-again", "--yes"), "say which"),
        (("discard",), "say which"),
        (("list", "--in", "d"), "unknown place d; expected one of b, c, kafka"),
        (("show", "nothing"), "is not a key"),
    ],
)
async def test_wrong_usage_ends_with_2(tool: Tool, arguments: tuple[str, ...], said: str) -> None:
    ended = await tool(*arguments)
    assert (ended.code, said in ended.err) == (2, True), ended.err
