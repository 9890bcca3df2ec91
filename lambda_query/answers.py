"""Answers: JSON in which stored JSON stands as it was stored, and API Gateway's response."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from typing import Any

from pipeline.core import problems

Response = dict[str, Any]
"""A response of API Gateway's payload format 2.0."""


@dataclass(frozen=True, slots=True)
class Verbatim:
    """JSON text that goes into an answer as it is: no number in it is read and written anew."""

    text: str


dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""A value as JSON text. `json.dumps` would make an encoder each time."""


def encode(members: Mapping[str, Any]) -> Verbatim:
    """An object as JSON text, in which a member that is Verbatim stands for itself. Raises TypeError for one deeper."""
    parts: list[str] = []
    for is_text, some in groupby(members.items(), key=lambda member: isinstance(member[1], Verbatim)):
        if is_text:
            parts += [f"{dumps(name)}:{member.text}" for name, member in some]
        else:
            parts.append(dumps(dict(some))[1:-1])
    return Verbatim("{" + ",".join(parts) + "}")


def fitting(events: Iterable[dict[str, Any]], most_bytes: int) -> list[Verbatim]:
    """The first of `events` as JSON text, as many as an answer holds.

    One that is alone too large for an answer stands there without its content.
    """
    shown: list[Verbatim] = []
    size = 0
    for members in events:
        encoded = encode(members)
        size += len(dumps(encoded.text).encode())  # API Gateway is given the body as a JSON string
        if shown and size > most_bytes:
            break
        if size > most_bytes:
            encoded = encode(members | {"event": None})
        shown.append(encoded)
    return shown


def array(values: Iterable[Verbatim]) -> Verbatim:
    """An array of `values`."""
    return Verbatim("[" + ",".join([value.text for value in values]) + "]")


def answer(body: Verbatim) -> Response:
    """200 with `body`."""
    return _response(HTTPStatus.OK, body, {"content-type": "application/json"})


def problem(
    status: HTTPStatus, kind: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any
) -> Response:
    """Problem details (RFC 9457)."""
    body = encode(problems.problem(status, kind, detail, **members))
    return _response(status, body, {"content-type": problems.MEDIA_TYPE, **(headers or {})})


def _response(status: int, body: Verbatim, headers: dict[str, str]) -> Response:
    return {"statusCode": int(status), "headers": {"cache-control": "no-store", **headers}, "body": body.text}
