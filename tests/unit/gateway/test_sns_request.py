"""PublishBatch in the same form as botocore's own."""

import json
from typing import Any
from urllib.parse import parse_qsl

import botocore.session
import pytest
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from gateway import publication
from gateway.legs import sns_request
from gateway.publication import Publication
from pipeline.events.event import parse

TOPIC = "arn:aws:sns:eu-west-1:000000000000:events"
PUBLISH_BATCH = botocore.session.Session().get_service_model("sns").operation_model("PublishBatch")


def make(id_: str, data: Any = None) -> Publication:
    event = {"specversion": "1.0", "id": id_, "source": "/s", "type": "t", "data": data}
    return publication.of(parse(json.dumps(event, ensure_ascii=False).encode()), "2026", "00-1-2-00", "shop")


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=10))
def test_the_form_is_what_botocore_would_send(texts: list[str]) -> None:
    publications = [make(str(index), text) for index, text in enumerate(texts)]
    entries = [
        {
            "Id": str(index),
            "Message": each.body.decode().replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff"),
            "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in each.metadata},
        }
        for index, each in enumerate(publications)
    ]
    parameters = {"TopicArn": TOPIC, "PublishBatchRequestEntries": entries}
    expected: dict[str, Any] = create_serializer("query").serialize_to_request(parameters, PUBLISH_BATCH)["body"]
    sent = parse_qsl(sns_request.body(TOPIC, publications).decode(), keep_blank_values=True, strict_parsing=True)
    assert dict(sent) == {name: str(value) for name, value in expected.items() if entries or "Entries" not in name}
    assert len(sent) == len(dict(sent))


def test_the_answer_tells_which_entries_are_stored_and_which_never_will_be() -> None:
    answer = (
        b"<PublishBatchResponse><PublishBatchResult><Failed><member><Id>1</Id><Code>InternalError</Code></member>"
        b"<member><Id>3</Id><Code>InvalidParameter</Code><SenderFault>true</SenderFault></member></Failed><Successful><member><MessageId>9</MessageId><Id>0</Id></member>"
        b"<member><Id>2</Id></member></Successful></PublishBatchResult></PublishBatchResponse>"
    )
    assert sns_request.verdict(answer) == ({0, 2}, {3: "InvalidParameter"})
    assert sns_request.verdict(b"<PublishBatchResult><Failed/><Successful/></PublishBatchResult>") == (set(), {})


def test_an_errors_code_is_told() -> None:
    assert (
        sns_request.error_code(b"<ErrorResponse><Error><Code>Throttled</Code></Error></ErrorResponse>") == "Throttled"
    )
    assert sns_request.error_code(b"<html>") == ""


@pytest.mark.parametrize(
    ("status", "code", "refused"),
    [
        (400, b"InvalidParameter", True),
        (400, b"BatchRequestTooLong", True),
        (413, b"", True),
        (400, b"Throttled", False),
        (403, b"ExpiredToken", False),
        (404, b"NotFound", False),
        (500, b"InvalidParameter", False),
    ],
)
def test_a_refusal_of_the_content_is_no_outage(status: int, code: bytes, refused: bool) -> None:
    answer = b"<ErrorResponse><Error><Code>%b</Code></Error></ErrorResponse>" % code
    assert sns_request.is_refusal(status, answer) is refused
