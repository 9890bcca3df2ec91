"""Answers: JSON in which stored JSON stands as it was stored, and API Gateway's response."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pipeline import problems

Response = dict[str, Any]
"""A response of API Gateway's payload format 2.0."""


class Verbatim(str):
    """JSON text that goes into an answer as it is: no number in it is read and written anew."""

    __slots__ = ()


def encode(value: Any) -> str:
    """`value` as JSON text; a Verbatim in it stands for itself."""
    if isinstance(value, Verbatim):
        return value
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{encode(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(encode, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def answer(body: dict[str, Any] | Verbatim) -> Response:
    """200 with `body`."""
    return _response(HTTPStatus.OK, encode(body), {"content-type": "application/json"})


def problem(
    status: HTTPStatus, kind: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any
) -> Response:
    """Problem details (RFC 9457)."""
    body = encode(problems.problem(status, kind, detail, **members))
    return _response(status, body, {"content-type": problems.MEDIA_TYPE, **(headers or {})})


def _response(status: int, body: str, headers: dict[str, str]) -> Response:
    return {"statusCode": int(status), "headers": {"cache-control": "no-store", **headers}, "body": body}
