"""PublishBatch as one HTTP request, written here.

The tests hold it against botocore's own form. Source: SNS API reference (PublishBatch, the
query protocol).
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from yarl import URL

from gateway.publication import Publication
from pipeline.clients.aws import SNS_REFUSALS
from pipeline.clients.sqs_text import sqs_text

CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
_SUCCESSFUL = re.compile(rb"<Successful>(.*?)</Successful>", re.DOTALL)
_FAILED = re.compile(rb"<Failed>(.*?)</Failed>", re.DOTALL)
_MEMBER = re.compile(rb"<member>(.*?)</member>", re.DOTALL)
_ENTRY_ID = re.compile(rb"<Id>(\d+)</Id>")
_CODE = re.compile(rb"<Code>(.*?)</Code>", re.DOTALL)


class Verdict(NamedTuple):
    """What became of a batch, by position: what is stored, and why what will never be is refused."""

    stored: set[int]
    refused: dict[int, str]


def body(topic_arn: str, publications: Sequence[Publication]) -> bytes:
    """The form of a PublishBatch of at most 10 publications; an entry's id is its position."""
    values = [topic_arn]
    fields = ["Action=PublishBatch&Version=2010-03-31&TopicArn"]
    for index, publication in enumerate(publications):
        fields += _entry_fields(index, tuple([name for name, _ in publication.metadata]))
        values.append(sqs_text(publication.body))
        values += [value for _, value in publication.metadata]
    return "".join([field + value for field, value in zip(fields, _quoted(values), strict=True)]).encode()


def verdict(answer: bytes) -> Verdict:
    """What the answer to a PublishBatch says of each entry; of one that it doesn't name, nothing."""
    stored = {int(id_) for part in _SUCCESSFUL.findall(answer) for id_ in _ENTRY_ID.findall(part)}
    failed = [member for part in _FAILED.findall(answer) for member in _MEMBER.findall(part)]
    refused = {int(id_): error_code(each) for each in failed for id_ in _ENTRY_ID.findall(each) if _is_final(each)}
    return Verdict(stored, refused)


def error_code(answer: bytes) -> str:
    """The code of an error's answer, such as `Throttled`; "" where it has none."""
    code = _CODE.search(answer)
    return code[1].decode(errors="replace") if code else ""


def is_refusal(status: int, answer: bytes) -> bool:
    """Whether SNS says no to what a PublishBatch holds, and not to its sender, its rate or its topic."""
    return status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or (status == HTTPStatus.BAD_REQUEST and _is_final(answer))


def _is_final(error: bytes) -> bool:
    return error_code(error) in SNS_REFUSALS


def _quoted(values: list[str]) -> list[str]:
    """Each value in percent-encoding, an equals sign before it: by yarl, whose quoting is in C."""
    return URL.build(query=[("", value) for value in values]).raw_query_string.split("&")


@lru_cache(maxsize=64)
def _entry_fields(index: int, attributes: tuple[str, ...]) -> list[str]:
    """What stands before each value of an entry: the message's first, then its attributes'."""
    prefix = f"&PublishBatchRequestEntries.member.{index + 1}."
    fields = [f"{prefix}Id={index}{prefix}Message"]
    for position, attribute in enumerate(attributes, start=1):
        entry = f"{prefix}MessageAttributes.entry.{position}."
        fields.append(f"{entry}Name={attribute}{entry}Value.DataType=String{entry}Value.StringValue")
    return fields
