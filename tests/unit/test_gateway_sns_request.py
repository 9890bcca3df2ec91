"""The signed PublishBatch: the same signature and the same form as botocore's own."""

import json
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from gateway import publication, sns_request
from gateway.publication import Publication
from gateway.sns_request import CONTENT_TYPE, Signer
from pipeline.aws import Credentials
from pipeline.event import parse

MOMENT = datetime(2026, 11, 23, 15, 24, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:000000000000:events"


def make(id_: str, data: Any = None) -> Publication:
    event = {"specversion": "1.0", "id": id_, "source": "/s", "type": "t", "data": data}
    return publication.of(parse(json.dumps(event, ensure_ascii=False).encode()), "2026", "00-1-2-00", "shop")


@pytest.mark.parametrize("url", ["https://sns.eu-west-1.amazonaws.com", "http://127.0.0.1:4566/"])
@pytest.mark.parametrize("token", [None, "a/session+token=="])
def test_the_signature_is_botocores(url: str, token: str | None) -> None:
    content = sns_request.body(TOPIC, [make("1")])
    headers = {"content-type": CONTENT_TYPE, "x-amz-date": "20261123T152400Z"}
    request = AWSRequest("POST", url, data=content, headers={"content-type": CONTENT_TYPE})
    with patch("botocore.auth.get_current_datetime", return_value=MOMENT.replace(tzinfo=None)):
        SigV4Auth(BotocoreCredentials("AKID", "secret", token), "sns", "eu-west-1").add_auth(request)
    ours = Signer(url, "eu-west-1").headers(content, Credentials("AKID", "secret", token), MOMENT)
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours.items() >= headers.items()


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
    operation = botocore.session.Session().get_service_model("sns").operation_model("PublishBatch")
    parameters = {"TopicArn": TOPIC, "PublishBatchRequestEntries": entries}
    expected: dict[str, Any] = create_serializer("query").serialize_to_request(parameters, operation)["body"]
    sent = parse_qsl(sns_request.body(TOPIC, publications).decode(), keep_blank_values=True, strict_parsing=True)
    assert dict(sent) == {name: str(value) for name, value in expected.items() if entries or "Entries" not in name}
    assert len(sent) == len(dict(sent))


def test_the_answer_tells_which_entries_are_stored() -> None:
    answer = (
        b"<PublishBatchResponse><PublishBatchResult><Failed><member><Id>1</Id><Code>InternalError</Code></member>"
        b"</Failed><Successful><member><MessageId>9</MessageId><Id>0</Id></member>"
        b"<member><Id>2</Id></member></Successful></PublishBatchResult></PublishBatchResponse>"
    )
    assert sns_request.acknowledged(answer) == {0, 2}
    assert sns_request.acknowledged(b"<PublishBatchResult><Failed/><Successful/></PublishBatchResult>") == set()


def test_an_errors_code_is_told() -> None:
    assert (
        sns_request.error_code(b"<ErrorResponse><Error><Code>Throttled</Code></Error></ErrorResponse>") == "Throttled"
    )
    assert sns_request.error_code(b"<html>") == ""
