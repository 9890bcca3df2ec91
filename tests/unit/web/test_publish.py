"""`/`: what is typed becomes an event, and nothing typed is lost."""

import asyncio
import json
import re
import subprocess
import sys
from dataclasses import replace
from html import escape, unescape

import pytest
from quart.typing import TestClientProtocol as Client

from pipeline.core.errors import InvalidEvent, MalformedEvent, SettingsError
from pipeline.core.settings import inherited
from pipeline.core.settings.web import WebSettings
from pipeline.events.event import parse
from tests.support.edge import Edge
from tests.unit.web.test_event import record
from web import context
from web.app import create_app
from web.publishing import examples
from web.publishing.draft import Draft, NotJson
from web.publishing.json_lines import lines_of
from web.publishing.suggestions import Suggestions

FORM = {
    "form_id": "f",
    "written_as": "fields",
    "type": "order.created",
    "source": "/shop",
    "subject": "order/1",
    "key": "k1",
    "data": '{"n": 12345678901234567890123, "b": 1.10}',
    "json": "{}",
}
ACCEPTED = {"id": "é 1", "source": "/shop?a&b", "type": "t", "received_at": "2026-11-23T15:24:00.123456Z"}


async def test_a_leg_that_is_out_goes_with_the_browser(pages: Client, edge: Edge) -> None:
    edge.answer("/events", (202, ACCEPTED | {"legs": {"sns": "stored", "kafka": "pending"}}))
    answer = await pages.post("/", form=FORM)
    assert answer.headers["location"].endswith("&pending=kafka")


async def test_an_event_goes_out_and_the_browser_on_to_its_journey(pages: Client, edge: Edge) -> None:
    edge.answer("/events", (202, ACCEPTED))
    answer = await pages.post("/", form=FORM)
    assert answer.status_code == 303
    assert answer.headers["location"] == (
        "/event?source=/shop?a%26b&id=%C3%A9+1&received_at=2026-11-23T15:24:00.123456Z"
    )
    sent = parse(edge.bodies[0])
    assert (sent.type, sent.source, sent.subject, sent.partition_key) == ("order.created", "/shop", "order/1", "k1")
    assert b'"data":' + FORM["data"].encode() in edge.bodies[0]


async def test_raw_json_goes_out_as_it_is(pages: Client, edge: Edge) -> None:
    edge.answer("/events", (202, ACCEPTED))
    await pages.post("/", form=FORM | {"written_as": "json", "json": ' {"specversion" : "1.0"} '})
    assert edge.bodies == [b' {"specversion" : "1.0"} ']


async def test_the_gateways_key_goes_with_it(edge: Edge) -> None:
    edge.answer("/events", (202, ACCEPTED))
    for key in ("", "mens_x"):
        app = create_app(WebSettings(gateway_url=edge.url, query_url=edge.url, gateway_key=key))
        async with app.test_app() as running:
            await running.test_client().post("/", form=FORM)
    assert edge.keys == [None, "Bearer mens_x"]


def test_a_key_that_cannot_stand_in_a_header_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="MENSAGERIA_GATEWAY_KEY"):
        create_app(WebSettings(query_url="http://query", gateway_key="mens_x\n"))


def _required(pointer: str) -> dict[str, str]:
    return {"pointer": pointer, "code": "required", "detail": "is required"}


async def test_faults_stand_at_their_fields_and_what_was_typed_stays(pages: Client, edge: Edge) -> None:
    faults = [
        _required("/type"),
        {"pointer": "/data/b", "detail": "odd"},
    ]
    edge.answer("/events", (422, {"status": 422, "detail": "…", "errors": faults}))
    answer = await pages.post("/", form=FORM | {"type": "", "subject": '"><script>'})
    text = await answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'id="type-hint"><span class="fault"><bdi>is required' in " ".join(text.split()).replace("> <", "><")
    assert "<code>/data/b</code>" in text
    assert 'id="subject" name="subject" aria-describedby="subject-hint" value="&#34;&gt;&lt;script&gt;"' in text
    assert escape(FORM["data"]).replace("&quot;", "&#34;") in text


async def test_data_that_is_no_json_is_said_with_its_place_in_the_readers_language(pages: Client) -> None:
    typed = FORM | {"data": '{\n "a": 1,\n x}'}
    answer = await pages.post("/", form=typed, headers={"accept-language": "pt"})
    assert answer.status_code == 422
    assert "não é JSON: veja a linha 3, coluna 2" in await answer.get_data(as_text=True)


async def test_a_fault_that_is_known_is_said_in_the_readers_language(pages: Client, edge: Edge) -> None:
    edge.answer("/events", (422, {"status": 422, "errors": [_required("/type")]}))
    answer = await pages.post("/", form=FORM, headers={"accept-language": "pt"})
    assert "<bdi>é obrigatório</bdi>" in await answer.get_data(as_text=True)


@pytest.mark.parametrize("status", [503, 429, 500])
async def test_a_gateway_that_cannot_leaves_the_same_event_to_send_again(
    pages: Client, edge: Edge, status: int
) -> None:
    edge.answer("/events", (status, {"status": status}))
    answer = await pages.post("/", form=FORM)
    text = await answer.get_data(as_text=True)
    assert answer.status_code == 503
    assert "Publish again in a moment" in text
    assert 'name="form_id" value="f"' in text


@pytest.mark.parametrize(("status", "said"), [(400, "not JSON"), (413, "larger than 262,144"), (403, "did not take")])
async def test_each_refusal_is_said_plainly(pages: Client, edge: Edge, status: int, said: str) -> None:
    edge.answer("/events", (status, {"status": status, "detail": "<b>why</b>"}))
    answer = await pages.post("/", form=FORM)
    text = await answer.get_data(as_text=True)
    assert answer.status_code == status
    assert said in text
    assert "&lt;b&gt;why&lt;/b&gt;" in text


FORM_TYPE = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("body", ["", "type=mine", "written_as=json", "other=1"])
async def test_nothing_is_published_that_nobody_wrote(pages: Client, edge: Edge, body: str) -> None:
    edge.answer(
        "/events",
        (422, {"status": 422, "errors": [_required("/source")]}),
    )
    answer = await pages.post("/", data=body, headers={"content-type": FORM_TYPE})
    assert answer.status_code == 422
    [sent] = edge.bodies
    assert not re.search(b"example|urn:mensageria|1001", sent)
    with pytest.raises((InvalidEvent, MalformedEvent)):
        parse(sent)


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
async def test_only_a_form_is_taken(pages: Client, edge: Edge, kind: str) -> None:
    answer = await pages.post("/", data='{"type": "t"}', headers={"content-type": kind} if kind else {})
    assert answer.status_code == 415
    assert edge.bodies == []


@pytest.mark.parametrize(
    "body",
    [
        b"type=%ff&source=s&data=%22%fe%22",
        b"type=\xff&source=s",
        b"type=t&source=s&data=%22%ed%a0%80%22",
        b"type=t&source=s&written_as=zzz",
        b"type=t&source=s&written_as=",
        b"type=t&source=s&type=u",
    ],
)
async def test_a_form_that_can_be_read_in_two_ways_is_refused(pages: Client, edge: Edge, body: bytes) -> None:
    edge.answer("/events", (202, ACCEPTED))
    answer = await pages.post("/", data=body, headers={"content-type": FORM_TYPE})
    assert answer.status_code == 400
    assert "Nothing was published" in await answer.get_data(as_text=True)
    assert edge.bodies == []


async def test_every_character_goes_out_as_it_was_typed(pages: Client, edge: Edge) -> None:
    edge.answer("/events", (202, ACCEPTED))
    await pages.post("/", form=FORM | {"type": "a+b &=;%ç🙂", "data": '"é+%25\\n"'})
    sent = parse(edge.bodies[0])
    assert (sent.type, sent.content["data"]) == ("a+b &=;%ç🙂", "é+%25\n")


def test_one_form_with_one_content_is_one_event_and_a_change_makes_another() -> None:
    first = parse(Draft.typed(FORM).body())
    assert parse(Draft.typed(FORM).body()).id == first.id
    assert parse(Draft.typed(FORM | {"data": "1"}).body()).id != first.id
    assert parse(Draft.typed(FORM | {"form_id": "g"}).body()).id != first.id


@pytest.mark.parametrize("name", [*examples.LABELS, "no-such-example"])
def test_every_example_is_a_valid_event_either_way(name: str) -> None:
    fresh = examples.draft(name)
    assert parse(fresh.body()).type == parse(replace(fresh, written_as="json").body()).type
    assert "data" not in json.loads(replace(fresh, data=" ").body())


@pytest.mark.parametrize("data", ["{", "NaN", "[" * 100_000, "1" * 5000, "1 2"])
def test_what_is_not_json_is_no_data(data: str) -> None:
    with pytest.raises(NotJson):
        Draft(data=data).body()


async def test_a_form_over_the_limit_is_told_so(pages: Client) -> None:
    answer = await pages.post("/", form=FORM | {"data": "x" * 3_000_000})
    assert answer.status_code == 413
    assert "too large" in await answer.get_data(as_text=True)


async def test_a_fault_names_the_line_it_is_on(pages: Client, edge: Edge) -> None:
    edge.answer("/events", (422, {"status": 422, "errors": [{"pointer": "/data/b", "detail": "odd"}]}))
    answer = await pages.post("/", form=FORM | {"data": '{\n "a": 1,\n "b": 2\n}'})
    assert 'data-line="3"' in await answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("pointer", "line"),
    [("", 1), ("/a", 2), ("/a/0", 2), ("/a/1", 3), ("/a/1/b~1c", 3), ("/a/1/e", 4), ("/x", 5), ("/y", 5), ("/z", 0)],
)
def test_a_pointer_has_its_line(pointer: str, line: int) -> None:
    text = '{\n "a": [1,\n {"b/c": "}{,\\"",\n "e": {}}],\n"x":{}, "y":\n 2}'
    assert lines_of(text, [pointer, "/none"]) == ({pointer: line} if line else {})


def test_all_pointers_have_their_lines_at_once() -> None:
    assert lines_of('["a",\n{"0": []},\n[[1]]]', ["/1/0", "/2/0/0", "/0", "/1", "/2/0/0"]) == {
        "/0": 1,
        "/1": 2,
        "/1/0": 2,
        "/2/0/0": 3,
    }


async def test_a_check_shows_faults_and_publishes_nothing(pages: Client, edge: Edge) -> None:
    answer = await pages.post("/check", form=FORM | {"written_as": "json", "json": '{"id": "1",\n "type": 2}'})
    text = await answer.get_data(as_text=True)
    assert (answer.status_code, edge.bodies) == (200, [])
    assert "must be a string" in text
    assert 'data-line="2"' in text


async def test_json_is_indented_with_each_digit_as_it_was(pages: Client) -> None:
    answer = await pages.post("/tidy", form=FORM | {"data": '{"n":12345678901234567890123,"b":[1.10]}'})
    tidied = '{\n  "n": 12345678901234567890123,\n  "b": [\n    1.10\n  ]\n}'
    assert escape(tidied).replace("&quot;", "&#34;") in await answer.get_data(as_text=True)
    assert Draft(data='{"a"').tidied().data == '{"a"'


async def test_types_with_a_schema_are_suggested_and_a_gateway_that_is_down_keeps_no_page_waiting(edge: Edge) -> None:
    edge.answer("/schemas", (200, {"schemas": [{"type": "order<b>", "href": "/schemas/order"}]}), (503, {}))
    app = create_app(WebSettings(gateway_url=edge.url, query_url=edge.url))
    async with app.test_app() as running:
        text = await (await running.test_client().get("/")).get_data(as_text=True)
        assert '<option value="order&lt;b&gt;"></option>' in text
        web = context.of(app)
        web.suggestions = Suggestions(web.edges.types)
        text = await (await running.test_client().get("/")).get_data(as_text=True)
        assert "datalist" not in text


async def test_an_event_is_published_again_as_a_new_one(pages: Client, edge: Edge) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "time": "2026-11-23T15:24:00Z", "data": [1]}
    edge.answer("/stage/event", record(event))
    text = await (await pages.get("/?source=/s&id=1")).get_data(as_text=True)
    assert all(part in text for part in ('value="t"', 'value="/s"', "[\n  1\n]", 'value="fields" checked'))
    edge.answer("/stage/event", (404, {"status": 404}))
    assert "was not found" in await (await pages.get("/?source=/s&id=1")).get_data(as_text=True)


def test_a_new_event_like_another_differs_in_its_id_alone() -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "subject": None, "ext": "x", "data": 1}
    draft = Draft.again(json.dumps(event).encode())
    again = json.loads(draft.body())
    assert (draft.written_as, draft.subject) == ("json", "")
    assert again.pop("id") != event.pop("id")
    assert again == event


@pytest.mark.parametrize("data", ["{\"a\": \"it's $HOME `id` \\\\ ''' é🙂\"}", "", '"x\\u0041"'])
@pytest.mark.parametrize("key", ["", "mens_secret"])
async def test_the_calls_publish_what_is_on_the_screen(edge: Edge, data: str, key: str) -> None:
    edge.answer("/events", (202, ACCEPTED))
    draft = Draft.typed(FORM | {"data": data})
    settings = WebSettings(gateway_url=edge.url, query_url=edge.url, gateway_key=key)
    async with create_app(settings).test_app() as running:
        page = await (await running.test_client().post("/check", form=FORM | {"data": data})).get_data(as_text=True)
    shell, script = [unescape(found) for found in re.findall(r'id="call-\d">(.*?)</code>', page, re.DOTALL)]
    for command in (["bash", "-c", shell], [sys.executable, "-c", script]):
        done = await asyncio.to_thread(
            subprocess.run, command, env=inherited() | {"GATEWAY_KEY": key}, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert [parse(body).content for body in edge.bodies] == [parse(draft.body()).content] * 2
    assert edge.keys == [f"Bearer {key}" if key else None] * 2
    assert "mens_secret" not in page
