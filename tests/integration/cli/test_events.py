"""Events by the command, through the public edges; and the state of the system."""

import asyncio
import json
import re
import subprocess
from datetime import timedelta
from typing import Any

import pytest

from pipeline.core.clock import now
from tests.support.mensageria import COMMAND, END_S, Tool, environment, interrupted_after
from tests.support.querying import Writers, seed
from tests.support.waiting import until
from tests.unit.cli.test_edges import NUMBERS

DIGITS = ("12345678901234567890123", "12345678901234567.89", "0.33333333333333333333", "1152921506151679042")


@pytest.fixture
def tool(system: Any) -> Tool:
    return Tool(system.home)


async def complete(tool: Tool, source: str, id_: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        ended = await tool("get", source, id_, "--json")
        return ended.lines[0] if ended.code == 0 and ended.lines[0]["complete"] else None

    found = await until(look, within_s=30)
    assert found is not None
    return found


async def test_an_event_of_options_is_published_and_found(tool: Tool, source: str) -> None:
    options = (
        "--type",
        "t.options",
        "--source",
        source,
        "--subject",
        "ana",
        "--id",
        "a/ü %",
        "--data",
        '{"n": [1, "é"]}',
    )
    published = await tool("publish", *options)
    assert (published.code, source in published.out) == (0, True), published.err
    found = await complete(tool, source, "a/ü %")
    assert (found["event"]["subject"], found["event"]["data"]) == ("ana", {"n": [1, "é"]})
    shown = await tool("get", source, "a/ü %")
    assert (shown.code, "dynamodb by kafka" in shown.out, '"é"' in shown.out) == (0, True, True)
    listed = await tool("list", "--source", source, "--from", "1h", "--json")
    assert [event["id"] for event in listed.lines] == ["a/ü %"]


async def test_json_is_published_from_a_file_and_from_standard_input(tool: Tool, source: str, tmp_path: Any) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"specversion": "1.0", "id": "file", "source": source, "type": "t", "extension": "x"}))
    assert (await tool("publish", str(file))).code == 0
    piped = await tool("publish", "-", "--json", given=json.dumps({"type": "t", "source": source, "data": 1}).encode())
    assert (await complete(tool, source, "file"))["event"]["extension"] == "x"
    assert (await complete(tool, source, piped.lines[0]["id"]))["event"]["data"] == 1


async def test_lines_are_published_and_a_bad_one_is_named(tool: Tool, source: str, scale: float) -> None:
    count = int(2000 * scale)
    lines = [json.dumps({"type": "t", "source": source, "id": str(number), "data": number}) for number in range(count)]
    lines[7:7] = ["", "{nothing", json.dumps({"type": "", "data": 1})]
    ended = await tool("publish", "--lines", "-", "--json", given="\n".join(lines).encode())
    assert (ended.code, f"{count} accepted, 2 refused" in ended.err) == (1, True), ended.err
    assert {line["line"] for line in ended.lines if line["fault"]} == {9, 10}

    async def all_listed() -> bool:
        listed = await tool("list", "--source", source, "--limit", str(count + 1), "--json")
        return {event["id"] for event in listed.lines} == set(map(str, range(count)))

    await until(all_listed, within_s=60)


async def test_tail_shows_what_comes_until_interrupted(tool: Tool, system: Any, source: str) -> None:
    async def publish(id_: str) -> None:
        assert (await tool("publish", "--type", "t", "--source", source, "--id", id_)).code == 0

    await publish("before")
    command = ("tail", "--source", source, "--from", "1m", "--json")
    tailing = asyncio.create_task(asyncio.to_thread(interrupted_after, system.home, 2, *command))
    await publish("after")
    ended = await tailing
    assert (ended.code, ended.err) == (0, "")
    assert sorted(line["id"] for line in ended.lines) == ["after", "before"]


async def test_tail_shows_events_whose_clock_is_ahead_and_late_ones(
    tool: Tool, system: Any, writers: Writers, source: str
) -> None:
    claims = {"ahead": timedelta(hours=1), "late": timedelta(days=-400), "plain": timedelta(0)}
    command = ("tail", "--source", source, "--json")
    tailing = asyncio.create_task(asyncio.to_thread(interrupted_after, system.home, 24, *command))
    for round_ in range(100):
        for name, off in claims.items():
            await writers.store([seed(source, f"{name}-{round_}", now() + off)], [])
        done, _ = await asyncio.wait({tailing}, timeout=0.2)
        if done:
            break
    ids = [line["id"] for line in (await tailing).lines]
    assert len(ids) == len(set(ids))
    # It began in the midst of a round, with what was there already and claims to be newer.
    first = min(int(id_.partition("-")[2]) for id_ in ids if not id_.startswith("ahead")) + 1
    assert {f"{name}-{first}" for name in claims} <= set(ids)


async def test_numbers_are_shown_as_they_were_sent(tool: Tool, source: str) -> None:
    event = f'{{"specversion":"1.0","id":"n","source":"{source}","type":"t","data":{NUMBERS}}}'
    assert (await tool("publish", "-", given=event.encode())).code == 0
    await complete(tool, source, "n")
    shown = [
        (await tool("get", source, "n")).out,
        (await tool("get", source, "n", "--json")).out,
        (await tool("list", "--source", source, "--json")).out,
    ]
    for text in shown:
        assert all(digits in text for digits in DIGITS)
    ended = await tool("list", "--source", source, "--store", "dynamodb", "--json")
    assert f'"data":{NUMBERS}' in ended.out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
async def test_output_that_is_not_utf_8_is_no_failure(system: Any, tool: Tool, source: str, encoding: str) -> None:
    id_ = "\u20ac-\N{CRAB}"
    published = await tool("publish", "--type", "t\u00e9", "--source", source, "--id", id_, "--subject", "\u20ac")
    assert published.code == 0
    await complete(tool, source, id_)
    here = Tool(system.home, encoding=encoding)
    commands = (("get", source, id_), ("list", "--source", source), ("trace", "--source", source, id_), ("status",))

    async def show(command: tuple[str, ...]) -> None:
        for more in ((), ("--json",)):
            ended = await here(*command, *more)
            assert "Traceback" not in ended.err, ended.err
            assert not more or all(isinstance(line, dict) for line in ended.lines)

    await asyncio.gather(*map(show, (*commands, ("dead-letters", "list"))))


async def test_status_tells_every_part(tool: Tool) -> None:
    ended = await tool("status", "--json")
    parts = {line["part"]: line for line in ended.lines}
    waiting = {"queue b", "queue c", "kafka", "pending sns", "pending kafka"}
    assert set(parts) == {"gateway", "query", "web", "service-b", "service-c", *waiting}
    assert all(line["ok"] for line in ended.lines), ended.out
    assert all(parts[name]["waiting"] is not None for name in waiting)
    assert ended.code == (1 if any(line["dead_letters"] for line in ended.lines) else 0)
    assert "queue b" in (await tool("status")).out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("get", "urn:test:nobody", "x"), 1, "no store has this event"),
        (("publish", "--type", ""), 1, "/type must not be empty"),
        (("publish",), 2, "either FILE or --type"),
        (("publish", "--type", "t", "--data", "text"), 2, "not JSON"),
        (("publish", "/nowhere.json"), 2, "No such file"),
        (("list", "--from", "yesterday"), 2, "give a time with its zone"),
        (("list", "--store", "oracle"), 2, "dynamodb"),
        (("list", "--from", "2h", "--to", "3h"), 2, "from is after"),
        (("replay", "--into", "d"), 2, "unknown consumer 'd'; expected one of b, c, kafka"),
    ],
)
async def test_each_end_has_its_code_and_its_words(
    tool: Tool, arguments: tuple[str, ...], code: int, said: str
) -> None:
    ended = await tool(*arguments)
    assert (ended.code, said in ended.err, ended.out) == (code, True, ""), ended.err


def test_what_does_not_answer_ends_with_3(tmp_path: Any) -> None:
    nowhere = {"MENSAGERIA_QUERY_URL": "http://127.0.0.1:9", "MENSAGERIA_GATEWAY_URL": "http://127.0.0.1:9"}
    for settings in ({}, nowhere):
        run = subprocess.run(
            [COMMAND, "get", "s", "i"], env=environment(tmp_path, **settings), capture_output=True, timeout=END_S
        )
        assert (run.returncode, run.stdout) == (3, b""), run.stderr


async def test_the_way_of_an_event_is_drawn_by_its_id_alone(tool: Tool, source: str) -> None:
    id_ = f"way-{source}"
    assert (await tool("publish", "--type", "t.way", "--source", source, "--id", id_)).code == 0
    await complete(tool, source, id_)
    drawn = await tool("trace", id_)
    assert (drawn.code, "\x1b" in drawn.out) == (0, False), drawn.err
    hops = [re.sub(r" +\+\d+ ms", " +N ms", line) for line in drawn.out.splitlines() if "service" in line]
    assert hops == [
        "├─ SNS ──┬─ queue b ── service B ── PostgreSQL +N ms",
        "│        └─ queue c ── service C ── DynamoDB +N ms",
        "└─ Kafka ─── topic   ── service C ── DynamoDB +N ms",
    ]
    assert drawn.out.splitlines()[-1] == "complete"
    [told] = (await tool("trace", id_, "--json")).lines
    assert {way["state"] for way in told["ways"]} == {"stored"}
    assert all(told["trace_id"] in way["origin"]["traceparent"] for way in told["ways"])


async def test_an_id_of_two_sources_asks_which_one_and_an_unknown_one_helps(tool: Tool, source: str) -> None:
    for each in (source, f"{source}:other"):
        assert (await tool("publish", "--type", "t", "--source", each, "--id", f"both-{source}")).code == 0
        await complete(tool, each, f"both-{source}")
    ended = await tool("trace", f"both-{source}")
    assert (ended.code, ended.out) == (1, "")
    assert f"--source: {source}, {source}:other" in ended.err
    unknown = await tool("trace", f"nobody-{source}")
    assert (unknown.code, "--source" in unknown.err) == (1, True)
