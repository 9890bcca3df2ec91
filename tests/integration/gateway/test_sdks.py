"""Requests as the official SDKs make them: those of Python, JavaScript, Go and Java, and some written out by hand."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from stack.http_client import http_client
from tests.support import sdk_programs
from tests.support.waiting import until

BATCH = "application/cloudevents-batch+json"
FORMAT = JSONFormat()
Attributes = dict[str, Any]


def made(source: str, id_: str, data: Any, **more: Any) -> CloudEvent:
    attributes = {"type": "order.placed", "source": source, "id": id_, "subject": 'olá "50 %" 🦀', **more}
    moment = datetime(2026, 11, 23, 15, 24, 0, 123456, tzinfo=UTC)
    return CloudEvent(attributes={"time": moment, "tenant": "é/1", **attributes}, data=data)


def events(source: str, mode: str) -> list[CloudEvent]:
    """JSON, text and bytes: in the JSON format the SDK takes text for a JSON string."""
    return [
        made(source, f"{mode}-json", {"total": 12.5, "note": "ü"}, datacontenttype="application/json"),
        made(source, f"{mode}-text", "olá\nmundo", datacontenttype="text/plain"),
        made(source, f"{mode}-bytes", b"\x00\xff\x01", datacontenttype="application/octet-stream"),
    ]


def messages(source: str, mode: str) -> list[HTTPMessage]:
    if mode == "binary":
        return [to_binary(event, FORMAT) for event in events(source, mode)]
    structured = [to_structured(event, FORMAT) for event in events(source, mode)]
    if mode == "structured":
        return structured
    body = b"[" + b",".join(_bytes(message.body) for message in structured) + b"]"
    return [HTTPMessage(headers={"content-type": BATCH}, body=body)]


def _bytes(body: str | bytes) -> bytes:
    return body if isinstance(body, bytes) else body.encode()


async def stored(aws: dict[str, str], source: str, count: int) -> dict[str, dict[str, Any]]:
    """The events of `source`, by store and id, once each store has `count` of them."""
    async with http_client(base_url=aws["query"], timeout=20) as query:

        async def both() -> dict[str, dict[str, Any]]:
            found = {store: await _listed(query, source, store) for store in ("postgres", "dynamodb")}
            return found if all(len(rows) == count for rows in found.values()) else {}

        return await until(both, within_s=30)


async def _listed(query: httpx.AsyncClient, source: str, store: str) -> dict[str, Any]:
    answer = await query.get("/events", params={"source": source, "store": store})
    return {row["id"]: row["event"] for row in answer.raise_for_status().json()["events"]}


@pytest.mark.parametrize("mode", ["structured", "binary", "batch"])
async def test_what_the_python_sdk_sends_is_stored_with_the_same_attributes_and_data(
    aws: dict[str, str], source: str, mode: str
) -> None:
    async with http_client(base_url=aws["gateway"]) as client:
        for message in messages(source, mode):
            answer = await client.post("/events", content=_bytes(message.body), headers=message.headers)
            assert answer.status_code == 202, answer.text
    sent = {event.get_id(): event for event in events(source, mode)}
    for found in (await stored(aws, source, len(sent))).values():
        assert set(found) == set(sent)
        for id_, content in found.items():
            back = FORMAT.read(CloudEvent, json.dumps(content))
            assert back.get_attributes() == sent[id_].get_attributes()
            assert _data(back) == _data(sent[id_])


def _data(event: BaseCloudEvent) -> Any:
    data = event.get_data()
    return data.encode() if isinstance(data, str) else data


def _javascript(source: str) -> tuple[list[tuple[bytes, bytes]], bytes, Attributes]:
    """sdk-javascript, HTTP.binary: values in percent-encoding, JSON data by JSON.stringify."""
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        *((b"ce-id", b"js"), (b"ce-time", b"2026-11-23T15:24:00.123Z"), (b"ce-type", b"t")),
        *((b"ce-source", source.encode()), (b"ce-specversion", b"1.0")),
        (b"ce-subject", b"Euro%20%E2%82%AC%20%F0%9F%98%80"),
    ]
    expected = {"id": "js", "time": "2026-11-23T15:24:00.123Z", "subject": "Euro € 😀", "data": {"a": [1, "ü"]}}
    return headers, '{"a":[1,"ü"]}'.encode(), expected | {"datacontenttype": "application/json; charset=utf-8"}


def _go(source: str) -> tuple[list[tuple[bytes, bytes]], bytes, Attributes]:
    """sdk-go: canonical header names, sorted, raw UTF-8 where an attribute has it, no charset."""
    headers = [
        *((b"Ce-Id", b"go"), (b"Ce-Numberext", b"42"), (b"Ce-Source", source.encode())),
        *((b"Ce-Specversion", b"1.0"), (b"Ce-Subject", "olá".encode()), (b"Ce-Type", b"t")),
        (b"Content-Type", b"application/octet-stream"),
    ]
    return headers, b"\x00\x01\xfe", {"id": "go", "numberext": "42", "subject": "olá", "data_base64": "AAH+"}


def _java(source: str) -> tuple[list[tuple[bytes, bytes]], bytes, Attributes]:
    """sdk-java: the content type first, a time with an offset, text as bytes."""
    headers = [
        (b"content-type", b"text/plain;charset=UTF-8"),
        *((b"ce-specversion", b"1.0"), (b"ce-source", source.encode()), (b"ce-type", b"t"), (b"ce-id", b"java")),
        *((b"ce-time", b"2026-11-23T16:24:00+01:00"), (b"ce-dataschema", b"https://shop.example/schema%25201")),
    ]
    expected = {"id": "java", "time": "2026-11-23T16:24:00+01:00", "dataschema": "https://shop.example/schema%201"}
    return headers, "olá".encode(), expected | {"data": "olá"}


async def test_what_the_other_sdks_send_is_stored_with_the_same_attributes_and_data(
    aws: dict[str, str], source: str
) -> None:
    requests = [_javascript(source), _go(source), _java(source)]
    async with http_client(base_url=aws["gateway"]) as client:
        for headers, body, _ in requests:
            answer = await client.post("/events", content=body, headers=headers)
            assert answer.status_code == 202, answer.text
    for found in (await stored(aws, source, len(requests))).values():
        for _, _, expected in requests:
            assert found[expected["id"]].items() >= (expected | {"source": source, "type": "t"}).items()


LANGUAGES = [pytest.param(language, marks=getattr(pytest.mark, language)) for language in sdk_programs.TOOLCHAINS]
SDK_EVENTS = 24
"""Of each program: six kinds of data in four modes."""


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_the_sdk_of_another_language_sends_is_read_back_by_it(
    aws: dict[str, str], source: str, language: str, tmp_path: Path
) -> None:
    """Binary, structured and in a batch; the sources in tests/sdks say what an SDK leaves to its caller."""
    sdk = await asyncio.to_thread(sdk_programs.build, language, tmp_path)
    await asyncio.to_thread(sdk.publish, aws["gateway"], source)
    for found in (await stored(aws, source, SDK_EVENTS)).values():
        await asyncio.to_thread(sdk.check, source, json.dumps(list(found.values())).encode())
