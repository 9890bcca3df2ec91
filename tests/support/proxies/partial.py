"""Batch calls of AWS of which a part is carried out: what to pass on, and what to answer of the rest."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

Keeps = Callable[[], bool]
"""Asked for each entry: whether it is carried out."""
_PREFIX = "PublishBatchRequestEntries.member."


@dataclass(frozen=True)
class Part:
    """`body` is the call that is left, None where nothing is; `answer` puts the failures into the server's answer."""

    body: bytes | None
    answer: Callable[[bytes], bytes]


def part(operation: str, body: bytes, keeps: Keeps) -> Part | None:
    """The part of a batch call for which `keeps` says yes; None where the call is no batch."""
    if operation == "PublishBatch":
        return _of_sns(body, keeps)
    call = json.loads(body) if operation.endswith("Batch") or operation == "BatchWriteItem" else {}
    if "Entries" in call:
        return _of_sqs(call, keeps)
    if "RequestItems" in call:
        return _of_dynamodb(call, keeps)
    return None


def _of_sqs(call: dict[str, Any], keeps: Keeps) -> Part:
    kept, failed = _apart(call["Entries"], keeps)
    failures = [{"Id": each["Id"], "SenderFault": False, "Code": "InternalError"} for each in failed]
    return _json_part(call | {"Entries": kept} if kept else None, {"Failed": failures})


def _of_dynamodb(call: dict[str, Any], keeps: Keeps) -> Part:
    ((table, requests),) = call["RequestItems"].items()
    kept, failed = _apart(requests, keeps)
    left = call | {"RequestItems": {table: kept}} if kept else None
    return _json_part(left, {"UnprocessedItems": {table: failed} if failed else {}})


def _of_sns(body: bytes, keeps: Keeps) -> Part:
    pairs = parse_qsl(body.decode(), keep_blank_values=True)
    numbers = {_number(name) for name, _ in pairs if name.startswith(_PREFIX)}
    kept, failed = _apart(sorted(numbers), keeps)
    left = [(name, value) for name, value in pairs if not name.startswith(_PREFIX) or _number(name) in kept]
    ids = [value for name, value in pairs if name in {f"{_PREFIX}{number}.Id" for number in failed}]
    members = "".join(f"<member><Id>{id_}</Id><Code>InternalError</Code></member>" for id_ in ids)

    def answer(told: bytes) -> bytes:
        xml = told.decode() or "<PublishBatchResult><Successful/></PublishBatchResult>"
        for empty in ("<Failed/>", "<Failed></Failed>", "<Failed />"):
            xml = xml.replace(empty, "")
        return xml.replace("</PublishBatchResult>", f"<Failed>{members}</Failed></PublishBatchResult>").encode()

    return Part(urlencode(left).encode() if kept else None, answer)


def _number(name: str) -> int:
    return int(name.removeprefix(_PREFIX).partition(".")[0])


def _apart(entries: list[Any], keeps: Keeps) -> tuple[list[Any], list[Any]]:
    decided = [(entry, keeps()) for entry in entries]
    return [entry for entry, is_kept in decided if is_kept], [entry for entry, is_kept in decided if not is_kept]


def _json_part(call: dict[str, Any] | None, failures: dict[str, Any]) -> Part:
    return Part(
        json.dumps(call).encode() if call else None,
        lambda told: json.dumps(json.loads(told or b"{}") | failures).encode(),
    )
