"""Answers: JSON in which stored JSON stands as it was stored, and API Gateway's response."""

import json
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


def answer(body: dict[str, Any]) -> Response:
    """200 with `body`."""
    return _response(HTTPStatus.OK, encode(body), {"content-type": "application/json"})


def problem(status: HTTPStatus, kind: str, detail: str, **members: Any) -> Response:
    """Problem details (RFC 9457); a 503 says when to come again."""
    headers = {"content-type": problems.MEDIA_TYPE}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = "1"
    return _response(status, encode(problems.problem(status, kind, detail, **members)), headers)


def _response(status: int, body: str, headers: dict[str, str]) -> Response:
    return {"statusCode": int(status), "headers": {"cache-control": "no-store", **headers}, "body": body}
