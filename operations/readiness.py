"""Readiness of a service, by its answer to `/readyz`."""

from dataclasses import dataclass
from typing import Literal

import httpx
import msgspec


class _Document(msgspec.Struct):
    """The gateway's, B's and C's, and a problem's."""

    status: str | int = ""
    legs: dict[str, str] = {}
    missing: list[str] = []
    detail: str = ""


@dataclass(frozen=True)
class Readiness:
    """`degraded`: the service works without what `detail` names; in English, "" where it is ready."""

    state: Literal["ready", "degraded", "not_ready"]
    detail: str = ""


def of(answer: httpx.Response) -> Readiness:
    """What `answer` says."""
    document = _document(answer)
    if not answer.is_success:
        detail = "; ".join(document.missing) or document.detail or f"it answers {answer.status_code}"
        return Readiness("not_ready", detail)
    if document.status != "degraded":
        return Readiness("ready")
    out = [leg for leg, state in document.legs.items() if state != "reachable"]
    return Readiness("degraded", f"unreachable: {', '.join(out)}; what is pending there is published later")


def _document(answer: httpx.Response) -> _Document:
    try:
        return msgspec.json.decode(answer.content, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError):  # such as a proxy's page
        return _Document()
