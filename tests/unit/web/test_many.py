"""`/many`: each line is published by itself, and what is not taken stays to be sent again."""

import json
from io import BytesIO

import pytest
from quart.datastructures import FileStorage
from quart.typing import TestClientProtocol as Client

from pipeline.events.event import parse
from tests.support.edge import Edge
from web.publishing.lines import MAX_LINES, read

ACCEPTED = (202, {"id": "1", "source": "/s", "type": "t", "received_at": "2026-11-23T15:24:00Z"})
REFUSED = (422, {"status": 422, "errors": [{"pointer": "/type", "code": "required", "detail": "is required"}]})
WHOLE = '{"specversion":"1.0", "id":"1", "source":"/s", "type":"t", "data":1.10}'


async def sent(pages: Client, lines: str, **more: str) -> tuple[int, str]:
    answer = await pages.post("/many", form={"form_id": "f", "lines": lines} | more)
    return answer.status_code, await answer.get_data(as_text=True)


async def test_each_line_is_an_event_and_has_its_result(pages: Client, edge: Edge) -> None:
    edge.answer("/events", ACCEPTED)
    status, text = await sent(pages, f'{WHOLE}\r\n\r\n{{"type": "t", "data": 2}}')
    assert status == 200
    assert sorted(json.loads(body)["data"] for body in edge.bodies) == [1.1, 2]
    assert WHOLE.encode() in edge.bodies
    assert text.count('data-state="accepted"') == 2
    assert "2 of 2 accepted" in text
    assert '<td class="number">3</td>' in text


async def test_a_line_that_is_refused_stays_at_its_place_with_its_faults(pages: Client, edge: Edge) -> None:
    edge.answer("/events", REFUSED)
    _, text = await sent(pages, "\nnot json <b>")
    assert "\n\nnot json &lt;b&gt;</textarea>" in text
    assert 'data-state="refused"' in text
    assert "<code>/type</code> <bdi>is required</bdi>" in text
    assert 'name="form_id" value="f"' in text


async def test_a_line_that_was_not_sent_is_the_same_event_when_it_is_sent_again(pages: Client, edge: Edge) -> None:
    edge.answer("/events", (503, {"status": 503}), (503, {"status": 503}), ACCEPTED)
    for _ in range(3):
        _, text = await sent(pages, '{"type": "t"}\n{"type": "t"}', first="101")
    assert 'data-state="accepted"' in text
    ids = [parse(body).id for body in edge.bodies]
    assert len(ids) == 6
    assert len(set(ids)) == 2


async def test_lines_of_one_key_are_sent_in_order_and_none_behind_one_that_was_not(pages: Client, edge: Edge) -> None:
    edge.answer("/events", ACCEPTED, (503, {"status": 503}), ACCEPTED)
    lines = "\n".join(f'{{"type": "t", "partitionkey": "k", "data": {number}}}' for number in range(20))
    _, text = await sent(pages, lines)
    assert [json.loads(body)["data"] for body in edge.bodies] == [0, 1]
    assert (text.count('data-state="accepted"'), text.count('data-state="unsent"')) == (1, 19)
    await sent(pages, lines.replace(lines.splitlines()[0], ""))
    assert [json.loads(body)["data"] for body in edge.bodies[2:]] == list(range(1, 20))


async def test_a_file_is_taken_without_a_script(pages: Client, edge: Edge) -> None:
    edge.answer("/events", ACCEPTED)
    file = FileStorage(BytesIO(b'\xef\xbb\xbf{"type": "a"}\n{"type": "b"}\n'), filename="events.jsonl")
    answer = await pages.post("/many", files={"file": file})
    assert "2 of 2 accepted" in await answer.get_data(as_text=True)


@pytest.mark.parametrize("content", [b'{"type": "\xff"}', None])
async def test_what_is_no_file_of_text_is_refused(pages: Client, edge: Edge, content: bytes | None) -> None:
    files = (
        {"file": FileStorage(BytesIO(content), filename="a")}
        if content
        else {"other": FileStorage(BytesIO(b"{}"), filename="a")}
    )
    assert (await pages.post("/many", files=files)).status_code == 400
    assert edge.bodies == []


async def test_more_lines_than_one_request_may_hold_are_told_so_and_none_is_sent(pages: Client, edge: Edge) -> None:
    status, text = await sent(pages, "{}\n" * (MAX_LINES + 1))
    assert (status, edge.bodies) == (413, [])
    assert f"more than {MAX_LINES} lines" in text
    assert text.count("{}\n") == MAX_LINES + 1


@pytest.mark.parametrize("first", ["x", "-1", "9" * 5000])
async def test_a_first_line_that_is_no_number_is_refused(pages: Client, first: str) -> None:
    assert (await sent(pages, "{}", first=first))[0] == 400


def test_what_a_line_lacks_is_filled_in_and_nothing_else_changes() -> None:
    [line] = read('{"id": "mine", "data": 12345678901234567890123.10}', "f", 1)
    assert json.loads(line.event).keys() == {"specversion", "id", "source", "data"}
    assert '"id":"mine"' in line.event.replace('": "', '":"')
    assert "12345678901234567890123.10" in line.event
    assert [line.event for line in read("[" * 100_000 + '\n{"a"\n1', "f", 1)] == ["[" * 100_000, '{"a"', "1"]
