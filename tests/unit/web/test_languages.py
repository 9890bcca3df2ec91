"""English and Portuguese: every text in both, chosen by the browser."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from babel.support import NullTranslations
from quart import Quart
from quart.typing import TestClientProtocol as Client

import web
from lambda_query.parameters import parse_list
from pipeline.core.errors import InvalidEvent, InvalidParameters, MalformedEvent
from pipeline.core.faults import KINDS, Defect, Kind
from pipeline.events.event import parse
from tests.support.edge import Edge
from tests.unit.web.test_event import record
from tests.unit.web.test_events import ROW, listing
from web.publishing.draft import Draft
from web.site.api_translations import Phrase, phrase

ROOT = Path(web.__file__).parent
_VOID = ("meta", "link", "input", "img")
NAMES = {"EN", "English", "PT", "Português"} | {
    "Mensageria",
    "curl",
    "Python",
    "PostgreSQL",
    "DynamoDB",
    "UTC",
    "SQS",
    "Kafka",
    "ms",
    "s",
}
EVENTS_OWN = {"t", "id", "type", "source", "specversion"}


def catalogue() -> Catalog:
    with (ROOT / "translations/pt_BR/LC_MESSAGES/messages.po").open("rb") as file:
        return read_po(file, locale="pt_BR")


def texts_of_the_code() -> set[Any]:
    with (ROOT / "translations/babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    keywords = {"gettext": None, "_": None, "marked": None, "ngettext": (1, 2)}
    found = extract_from_dir(ROOT, methods, options, keywords=keywords)
    return {text for _, _, text, _, _ in found} | {kind.text for kind in KINDS.values()}


def test_every_text_has_its_portuguese_and_every_portuguese_its_text() -> None:
    translated = {message.id for message in catalogue() if message.id and not message.fuzzy}
    assert translated == texts_of_the_code()


def test_no_translation_is_empty_or_has_other_placeholders() -> None:
    messages = catalogue()
    assert [message.id for message in messages if message.id and not all(_forms(message.string))] == []
    assert [str(error) for _, errors in messages.check() for error in errors] == []


def _forms(text: str | list[str] | tuple[str, ...] | None) -> list[str]:
    return list(text) if isinstance(text, list | tuple) else [text or ""]


@pytest.mark.parametrize(
    ("spoken", "tag"),
    [
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt-BR"),
        ("pt", "pt-BR"),
        ("pt-PT", "pt-BR"),
        ("en-GB,pt-BR;q=0.9", "en"),
        ("de,pt;q=0.5", "pt-BR"),
        ("pt;q=0", "en"),
        ("de", "en"),
        ("", "en"),
        ("x" * 5000, "en"),
    ],
)
async def test_the_browsers_language_is_taken(pages: Client, spoken: str, tag: str) -> None:
    answer = await pages.get("/", headers={"accept-language": spoken})
    assert f'<html lang="{tag}">' in await answer.get_data(as_text=True)
    assert "Accept-Language" in answer.headers["vary"]


class _Texts(HTMLParser):
    """What a reader of the page sees or hears, without what is an event's own."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if value and name in ("aria-label", "alt", "title")]

    def handle_endtag(self, tag: str) -> None:
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if not {"bdi", "code", "time", "textarea"} & set(self.open):
            self.found.append(data)


@pytest.mark.parametrize(
    "address", ["/", "/many", "/events", "/events?type=none", "/event?source=/s&id=1", "/nothing", "/event"]
)
async def test_no_text_of_a_page_bypasses_the_catalogue(
    pages: Client, edge: Edge, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(NullTranslations, "gettext", lambda _self, _text: "§")
    monkeypatch.setattr(NullTranslations, "ngettext", lambda *_: "§")
    edge.answer("/stage/events", listing() if "none" in address else listing(ROW, next="c"))
    edge.answer("/stage/event", record())
    answer = await pages.get(address, headers={"accept-language": "en"})
    parser = _Texts()
    parser.feed(await answer.get_data(as_text=True))
    words = {word for text in parser.found for word in text.split() if word[0].isalpha()}
    assert words <= NAMES | EVENTS_OWN


@pytest.mark.parametrize(
    "event",
    [
        [],
        {},
        {
            "specversion": "2",
            "id": "",
            "source": 1,
            "type": "t",
            "time": "x",
            "aB": 1.5,
            "n": 2**40,
            "data_base64": "?",
        },
        {"specversion": "1.0", "id": "x" * 600, "source": "s", "type": "t" * 2000, "a": "\n", "data": "\0"},
        {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": 1, "data_base64": "AA=="},
        {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": json.loads("[" * 70 + "]" * 70)},
    ],
)
async def test_the_faults_of_the_event_are_known_to_the_catalogue(event: Any) -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse(json.dumps(event).encode())
    async with Quart("texts").test_request_context("/", headers={"accept-language": "en"}):
        shown = {fault.detail: phrase(fault.defect) for fault in caught.value.faults}
    assert shown == {detail: Phrase(detail, is_translated=True) for detail in shown}


@pytest.mark.parametrize(
    "body", [b"", b'{\n"a": 1,\n}', b"\xef\xbb\xbf{}", b'{"a": NaN}', b'{"a": "\\ud800"}', b'{"a b": 1, "a b": 2}']
)
async def test_what_is_not_json_is_known_to_the_catalogue(body: bytes) -> None:
    with pytest.raises(MalformedEvent) as caught:
        parse(body)
    async with Quart("texts").test_request_context("/", headers={"accept-language": "en"}):
        assert phrase(caught.value.defect) == Phrase(str(caught.value), is_translated=True)


@pytest.mark.parametrize(
    "query",
    [
        "store=redis&from=x&type=&subject=%00&order=up",
        "source=" + "x" * 513,
        "from=2026-11-24T00:00:00Z&to=2026-11-23T00:00:00Z",
        "cursor=x",
    ],
)
async def test_the_faults_of_a_search_are_known_to_the_catalogue(query: str) -> None:
    with pytest.raises(InvalidParameters) as caught:
        parse_list(query, b"k")
    async with Quart("texts").test_request_context("/", headers={"accept-language": "en"}):
        shown = {fault.detail: phrase(fault) for fault in caught.value.faults.values()}
    assert shown == {detail: Phrase(detail, is_translated=True) for detail in shown}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_each_code_is_said_in_both_languages_with_the_same_parameters(kind: Kind) -> None:
    parameters: dict[str, int | str] = dict.fromkeys(re.findall(r"%\((\w+)\)s", kind.text), 12_345)
    said = {}
    for language in ("en", "pt-BR"):
        async with Quart("texts").test_request_context("/", headers={"accept-language": language}):
            said[language] = phrase(kind(**parameters))
    assert said["en"] == Phrase(kind(**parameters).detail, is_translated=True)
    assert said["pt-BR"].text != said["en"].text
    # The parser's own words are English, and the place says enough.
    left_out = 2 if kind.code == "not-json" else 0
    assert said["pt-BR"].text.count("12.345") == len(parameters) - left_out


async def test_a_code_of_another_version_keeps_its_own_text() -> None:
    for defect in (Defect("new", "a new rule", {}), Defect("too-long", "is longer than that", {"limit": 7})):
        async with Quart("texts").test_request_context("/", headers={"accept-language": "pt-BR"}):
            assert phrase(defect) == Phrase(defect.detail, is_translated=False)


def test_a_fault_belongs_to_the_field_that_its_pointer_names() -> None:
    assert [Draft().field_of(pointer) for pointer in ("/partitionkey", "/data/a", "/other")] == ["key", "data", ""]
    assert Draft(written_as="json").field_of("/type") == "json"


FORM_TYPE = {"content-type": "application/x-www-form-urlencoded", "accept-language": "en"}


async def test_a_chosen_language_stays_and_leads_back(pages: Client) -> None:
    answer = await pages.post("/language", data="tag=pt-BR&back=/events%3Ftype%3Dt", headers=FORM_TYPE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/events?type=t")
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("language=pt-BR", "HttpOnly", "SameSite=Lax", "Max-Age=31536000"))
    page = await (await pages.get("/", headers=FORM_TYPE)).get_data(as_text=True)
    assert '<html lang="pt-BR">' in page


@pytest.mark.parametrize(
    "back", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "", "x"]
)
async def test_the_switch_leads_nowhere_but_here(pages: Client, back: str) -> None:
    answer = await pages.post("/language", form={"tag": "en", "back": back})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_a_language_that_there_is_not_is_refused(pages: Client) -> None:
    assert (await pages.post("/language", form={"tag": "de", "back": "/"})).status_code == 400
    page = await pages.get("/", headers={"cookie": "language=de", "accept-language": "pt"})
    assert '<html lang="pt-BR">' in await page.get_data(as_text=True)


async def test_the_switch_comes_back_to_the_page_and_its_filters(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/events", listing())
    page = await pages.get("/events?type=caf%C3%A9&source=/s%3Fa%26b")
    assert 'name="back" value="/events?type=caf%C3%A9&amp;source=/s%3Fa%26b"' in await page.get_data(as_text=True)
