"""Batch calls of which a part is carried out: what is passed on, and what is answered of the rest."""

import json
from collections.abc import Callable
from itertools import cycle
from urllib.parse import parse_qs, urlencode

from gateway.legs.sns_request import verdict
from tests.support.proxies.partial import part

ANSWER = (
    b"<PublishBatchResponse><PublishBatchResult><Successful><member><Id>0</Id></member></Successful><Failed/>"
    b"</PublishBatchResult></PublishBatchResponse>"
)


def every_second() -> Callable[[], bool]:
    turns = cycle((True, False))
    return lambda: next(turns)


def test_of_sqs() -> None:
    entries = [{"Id": str(number), "ReceiptHandle": "r"} for number in range(3)]
    one = part("DeleteMessageBatch", json.dumps({"QueueUrl": "q", "Entries": entries}).encode(), every_second())
    assert one
    assert one.body
    assert json.loads(one.body) == {"QueueUrl": "q", "Entries": [entries[0], entries[2]]}
    answer = json.loads(one.answer(b'{"Successful": [{"Id": "0"}, {"Id": "2"}]}'))
    assert [failed["Id"] for failed in answer["Failed"]] == ["1"]
    assert len(answer["Successful"]) == 2


def test_of_dynamodb() -> None:
    requests = [{"PutRequest": {"Item": {"identity": {"S": str(number)}}}} for number in range(2)]
    one = part("BatchWriteItem", json.dumps({"RequestItems": {"events": requests}}).encode(), every_second())
    assert one
    assert one.body
    assert json.loads(one.body) == {"RequestItems": {"events": requests[:1]}}
    assert json.loads(one.answer(b"{}")) == {"UnprocessedItems": {"events": requests[1:]}}


def test_of_sns_as_the_gateway_reads_it() -> None:
    prefix = "PublishBatchRequestEntries.member."
    form = {"Action": "PublishBatch"} | {f"{prefix}{number + 1}.Id": str(number) for number in range(2)}
    one = part("PublishBatch", urlencode(form).encode(), every_second())
    assert one
    assert one.body
    assert parse_qs(one.body.decode()) == {"Action": ["PublishBatch"], f"{prefix}1.Id": ["0"]}
    answer = one.answer(ANSWER)
    assert verdict(answer).stored == {0}
    assert b"<Failed><member><Id>1</Id>" in answer


def test_nothing_is_left_where_nothing_is_kept() -> None:
    body = json.dumps({"RequestItems": {"events": [{"PutRequest": {}}]}}).encode()
    one = part("BatchWriteItem", body, lambda: False)
    assert one
    assert one.body is None
    assert json.loads(one.answer(b"")) == {"UnprocessedItems": {"events": [{"PutRequest": {}}]}}


def test_what_is_no_batch_is_left_alone() -> None:
    assert part("ReceiveMessage", b"{}", lambda: False) is None
