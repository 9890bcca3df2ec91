"""Inputs as other systems' users send them, on the running system: refused where a specification says so, else kept."""

import asyncio
import gzip
import json
import re
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from gateway.formats.media_types import BATCH
from pipeline.events.event import MAX_EVENT_BYTES, STRUCTURED
from stack.http_client import http_client
from tests.support.waiting import until

WRONG = [
    *(("source", value) for value in ("a b", "http://[bad", "shop/{id}", "http://shop.example/%zz")),
    *(("dataschema", value) for value in ("schema.json", "not a uri")),
    *(("datacontenttype", value) for value in ("json", "application/json charset=utf-8", "text/")),
    *(("subject", "x\U0001fffe"), ("type", "t\U0010ffff"), ("comment", "\U0002ffff")),
]
RIGHT = [
    *(("source", value) for value in ("/shop", "1-555-123-4567", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66")),
    *(("source", "https://shop.example/%7Eme?x=1#f"), ("dataschema", "https://shop.example/s/1")),
    *(("datacontenttype", "application/vnd.shop+json; charset=UTF-8"), ("subject", "\U0001f3c3\u200d\u2640\ufe0f")),
]
IDS = ["a b", "a+b", "a%2Bb", "a%20b", "100%", "x/y", "../x", "ü?&#=;", "null", "-1", '"q"', "a\\b", " lead", "trail "]
NUMBERS = (
    '{"big":12345678901234567890123,"money":12345678901234567.89,"third":0.33333333333333333333,'
    '"price":1.10,"exp":1E5,"neg":-0.0,"id64":1152921506151679042}'
)


def event(source: str, id_: str, **members: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": id_, "source": source, "type": "t"} | members


class Edges:
    """The gateway and the query of the running system."""

    def __init__(self, gateway: httpx.AsyncClient, query: httpx.AsyncClient) -> None:
        self.gateway = gateway
        self._query = query

    async def publish(self, content: Any, content_type: str = STRUCTURED, **headers: str) -> httpx.Response:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.gateway.post("/events", content=body, headers={"content-type": content_type, **named})

    async def find(self, source: str, id_: str) -> httpx.Response:
        return await self._query.get("/event", params={"source": source, "id": id_})

    async def whole(self, source: str, id_: str) -> dict[str, Any]:
        """The event's receipt, once it came by each way."""

        async def complete() -> dict[str, Any] | None:
            answer = await self.find(source, id_)
            found: dict[str, Any] = answer.json()
            return found if answer.status_code == httpx.codes.OK and found["complete"] else None

        found = await until(complete, within_s=60)
        assert found is not None
        return found

    async def listed(self, source: str, store: str) -> list[str]:
        answer = await self._query.get("/events", params={"source": source, "store": store, "fields": "id"})
        return [found["id"] for found in answer.raise_for_status().json()["events"]]

    async def refused(self, reason: str) -> int:
        text = (await self.gateway.get("/metrics")).text
        return sum(
            int(float(found)) for found in re.findall(rf'^events_rejected_total{{reason="{reason}"}} (\S+)', text, re.M)
        )


@pytest.fixture
async def edges(aws: dict[str, str]) -> Any:
    async with (
        http_client(base_url=aws["gateway"], timeout=30) as gateway,
        http_client(base_url=aws["query"], timeout=30) as query,
    ):
        yield Edges(gateway, query)


async def test_attributes_that_the_specification_forbids_are_refused_where_they_are(edges: Edges, source: str) -> None:
    for number, (name, value) in enumerate(WRONG):
        answer = await edges.publish(event(source, str(number)) | {name: value})
        assert (answer.status_code, [fault["pointer"] for fault in answer.json()["errors"]]) == (422, [f"/{name}"])
    binary = {"ce_specversion": "1.0", "ce_id": "b", "ce_type": "t"}
    encoded = await edges.publish(b"1", "application/json", **binary, ce_source="a%20b")
    assert (encoded.status_code, encoded.json()["errors"][0]["code"]) == (422, "not-a-uri-reference-decoded")
    typed = await edges.publish(b"1", "json", **binary, ce_source=source)
    assert (typed.status_code, typed.json()["errors"][0]["pointer"]) == (422, "/datacontenttype")
    await edges.publish(event(source, "last"))
    await edges.whole(source, "last")
    assert await edges.listed(source, "both") == ["last"]


async def test_attributes_that_the_specification_allows_are_stored_as_they_were_sent(edges: Edges, source: str) -> None:
    sent = [event(source, f"{source}/{number}") | {name: value} for number, (name, value) in enumerate(RIGHT)]
    for each in sent:
        assert (await edges.publish(each)).status_code == 202
    for each in sent:
        assert (await edges.whole(each["source"], each["id"]))["event"] == each


async def test_a_batch_keeps_what_is_known_and_is_checked_whole(edges: Edges, source: str) -> None:
    known, new, other = (event(source, id_, data={"n": 1, "m": 2}) for id_ in "ABC")
    await edges.publish(known)
    await edges.whole(source, "A")
    again = json.dumps(dict(reversed(other.items())), indent=2)
    batch = f"[{json.dumps(known)}, {json.dumps(new)}, {json.dumps(other)}, {again}]".encode()
    answer = await edges.publish(batch, BATCH)
    assert (answer.status_code, [each["id"] for each in answer.json()["events"]]) == (202, ["A", "B", "C", "C"])
    for id_ in "ABC":
        assert (await edges.whole(source, id_))["conflict"] is False
    for store in ("postgres", "dynamodb"):
        assert sorted(await edges.listed(source, store)) == ["A", "B", "C"]
    assert ((await edges.publish([], BATCH)).status_code, (await edges.publish([], BATCH)).json()["events"]) == (
        202,
        [],
    )
    untyped = event(source, "X")
    del untyped["type"]
    refused = await edges.publish([event(source, "D"), untyped, event(source, "E")], BATCH)
    [fault] = refused.json()["errors"]
    assert (refused.status_code, fault["index"], fault["pointer"], fault["code"]) == (422, 1, "/type", "required")


async def test_the_same_event_at_once_fifty_times_is_stored_once(edges: Edges, source: str) -> None:
    answers = await asyncio.gather(*(edges.publish(event(source, "F", data=1)) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert (await edges.whole(source, "F"))["conflict"] is False
    assert (await edges.listed(source, "postgres"), await edges.listed(source, "dynamodb")) == (["F"], ["F"])


async def test_a_batch_may_hold_an_event_as_large_as_one_may_be(edges: Edges, source: str) -> None:
    large = event(source, "G", data="x" * (MAX_EVENT_BYTES - 1000))
    batch = [large, *(event(source, id_) for id_ in "hij")]
    answer = await edges.publish(batch, BATCH)
    assert (answer.status_code, len(answer.json()["events"])) == (202, 4)
    for each in batch:
        assert (await edges.whole(source, each["id"]))["event"] == each


@pytest.mark.parametrize("content_type", ["application/json", STRUCTURED, BATCH, "image/png"])
async def test_a_content_coding_is_refused_by_its_name_and_counted(
    edges: Edges, source: str, content_type: str
) -> None:
    binary = {"ce_specversion": "1.0", "ce_id": "z", "ce_type": "t", "ce_source": source}
    headers = binary if content_type == "image/png" else {}
    plain = json.dumps(event(source, "z")).encode()
    for coding, body in (
        *((coding, gzip.compress(plain)) for coding in ("gzip", "GZIP", "x-gzip", "zstd", "gzip, identity")),
        ("gzip", plain),
    ):
        before = await edges.refused("media_type")
        answer = await edges.publish(body, content_type, content_encoding=coding, **headers)
        assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
        assert "content coding" in answer.json()["detail"]
        assert await edges.refused("media_type") == before + 1
    assert (await edges.find(source, "z")).status_code == 404


async def test_identity_is_no_coding_and_a_beacon_is_told_what_is_taken(edges: Edges, source: str) -> None:
    content = {"type": "t", "data": 1, "source": source}
    assert (await edges.publish(content, "application/json", content_encoding="identity")).status_code == 202
    beacon = await edges.publish(content, "text/plain;charset=UTF-8")
    assert (beacon.status_code, STRUCTURED in beacon.json()["accepted"]) == (415, True)


async def test_numbers_are_read_back_to_their_last_digit(edges: Edges, aws: dict[str, str], source: str) -> None:
    head = json.dumps(event(source, "n"))[:-1]
    assert (await edges.publish(f'{head}, "data": {NUMBERS}}}'.encode())).status_code == 202
    await edges.whole(source, "n")
    found = (await edges.find(source, "n")).content
    assert _data(msgspec.json.decode(found, type=dict[str, msgspec.Raw])["event"]) == NUMBERS
    async with http_client(base_url=aws["web"], timeout=30) as web:
        download = await web.get("/event/json", params={"source": source, "id": "n"})
    assert _data(download.content) == NUMBERS


def _data(content: Any) -> str:
    return bytes(msgspec.json.decode(bytes(content), type=dict[str, msgspec.Raw])["data"]).decode().replace(" ", "")


@pytest.mark.parametrize("suffix", ["", "/s%20p+%2F?&#"])
async def test_an_id_with_any_sign_is_its_own_event_everywhere(
    edges: Edges, aws: dict[str, str], source: str, suffix: str
) -> None:
    own = source + suffix
    ids = [*IDS, "🦀", "é" * 256]
    sent = {id_: event(own, id_, data=number, datacontenttype="application/json") for number, id_ in enumerate(ids)}
    for each in sent.values():
        assert (await edges.publish(each)).status_code == 202
    async with http_client(base_url=aws["web"], timeout=30) as web:
        for id_, each in sent.items():
            assert (await edges.whole(own, id_))["event"] == each
            assert (await web.get("/event", params={"source": own, "id": id_})).status_code == 200
            assert (await web.get("/event/json", params={"source": own, "id": id_})).json() == each
    binary = {"ce_specversion": "1.0", "ce_type": "t", "ce_source": quote(own, safe="")}
    for id_, each in sent.items():
        body = json.dumps(each["data"]).encode()
        assert (await edges.publish(body, "application/json", **binary, ce_id=quote(id_, safe=""))).status_code == 202
    for id_ in ids:
        assert (await edges.whole(own, id_))["conflict"] is False
    for store in ("postgres", "dynamodb"):
        assert sorted(await edges.listed(own, store)) == sorted(ids)
