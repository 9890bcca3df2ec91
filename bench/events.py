"""The benchmark's event: structured CloudEvents JSON of 506 bytes, each with an id of its own."""

import json
import uuid
from collections.abc import Iterator

from pipeline.events.event import STRUCTURED

EVENT_BYTES = 506
SAMPLED_EVERY = 100
_ID = "i" * 36
_ATTRIBUTES = {
    "specversion": "1.0",
    "id": _ID,
    "source": "https://shop.example/orders",
    "type": "example.shop.order.placed.v1",
    "subject": "orders/2026/11/4711",
    "time": "2026-11-23T15:24:00.123456Z",
    "datacontenttype": "application/json",
}
_DATA = {
    "order": 4711,
    "customer": "c-20261123-0042",
    "currency": "EUR",
    "total": 129.9,
    "items": [{"sku": "A-1001", "count": 2, "price": 39.95}, {"sku": "B-2002", "count": 1, "price": 50.0}],
    "paid": True,
    "note": "",
}


def bodies(repeat_every: int | None = None) -> Iterator[bytes]:
    """Events without end, each of EVENT_BYTES and with an id that no other run has.

    Every `repeat_every`th is the one before it once more.
    """
    before, _, after = _template().partition(_ID.encode())
    run = uuid.uuid4().hex[:20]
    number = 0
    while True:
        is_repeat = repeat_every and number % repeat_every == repeat_every - 1
        yield b"%b%b-%015d%b" % (before, run.encode(), number - 1 if is_repeat else number, after)
        number += 1


def requests(host: str, port: int, repeat_every: int | None = None) -> Iterator[bytes]:
    """The events as whole `POST /events` requests, ready to be written to a connection."""
    head = (
        f"POST /events HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: {STRUCTURED}\r\n"
        f"content-length: {EVENT_BYTES}\r\n\r\n"
    ).encode()
    return (head + body for body in bodies(repeat_every))


def traceparent(number: int) -> str:
    """What travels beside the event of that number: the first of each SAMPLED_EVERY is sampled."""
    return f"00-{number + 1:032x}-{number + 1:016x}-{'00' if number % SAMPLED_EVERY else '01'}"


def _template() -> bytes:
    bare = json.dumps({**_ATTRIBUTES, "data": _DATA}, separators=(",", ":"))
    note = "n" * (EVENT_BYTES - len(bare))
    return json.dumps({**_ATTRIBUTES, "data": {**_DATA, "note": note}}, separators=(",", ":")).encode()
