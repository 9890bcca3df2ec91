"""The stubs answer the AWS SDK as AWS does, and count what they took."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bench.events import SAMPLED_EVERY
from bench.stubs import traces
from bench.stubs.connection import Connection, Stub
from bench.stubs.queue_and_table import QueueAndTable
from bench.stubs.sns import SnsStub
from pipeline.clients.aws import Endpoint, client
from pipeline.core import trace_context
from pipeline.core.settings.process import TraceSettings
from pipeline.telemetry.tracing import Tracing
from stack.http_client import http_client
from tests.support.waiting import until

TOPIC = "arn:aws:sns:us-east-1:000000000000:events"


@asynccontextmanager
async def served(stub: Stub) -> AsyncGenerator[str, None]:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(stub), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
async def stub() -> AsyncGenerator[str, None]:
    async with served(SnsStub()) as url:
        yield url


@pytest.fixture
async def queue_and_table() -> AsyncGenerator[str, None]:
    async with served(QueueAndTable()) as url:
        yield url


@pytest.fixture
async def sns(stub: str) -> AsyncGenerator[Any, None]:
    async with client("sns", endpoint(stub)) as made:
        yield made


def endpoint(url: str) -> Endpoint:
    return Endpoint(endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


async def counts(stub: str) -> dict[str, Any]:
    async with http_client() as http:
        told: dict[str, Any] = (await http.get(f"{stub}/counts")).json()
    return told


def entry(id_: str) -> dict[str, Any]:
    message = '{"text": "a & b = c; .Id=7&x.member.1.Id=8", "euro": "€"}'
    return {
        "Id": id_,
        "Message": message,
        "MessageAttributes": {"id": {"DataType": "String", "StringValue": "member.1.Id=9"}},
    }


async def test_a_publish_has_a_message_id_and_counts_as_one_event(stub: str, sns: Any) -> None:
    answer = await sns.publish(TopicArn=TOPIC, Message="x" * 100_000)
    assert len(answer["MessageId"]) == 36
    assert await counts(stub) == {"events": 1, "calls": 1}


async def test_a_batch_is_acknowledged_by_its_ids(stub: str, sns: Any) -> None:
    entries = [entry(f"e-{number}") for number in range(10)]
    answer = await sns.publish_batch(TopicArn=TOPIC, PublishBatchRequestEntries=entries)
    assert [each["Id"] for each in answer["Successful"]] == [f"e-{number}" for number in range(10)]
    assert not answer["Failed"]
    assert await counts(stub) == {"events": 10, "calls": 1}


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        ([str(number) for number in range(11)], "TooManyEntriesInBatchRequest"),
        (["same", "same"], "BatchEntryIdsNotDistinct"),
        ([], "EmptyBatchRequest"),
    ],
)
async def test_a_batch_that_sns_would_refuse_is_refused_and_not_counted(
    stub: str, sns: Any, ids: list[str], code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        await sns.publish_batch(TopicArn=TOPIC, PublishBatchRequestEntries=[entry(id_) for id_ in ids])
    assert caught.value.response["Error"]["Code"] == code
    assert (await counts(stub))["events"] == 0


async def test_readiness_checks_are_answered_and_not_counted(stub: str, sns: Any) -> None:
    await sns.get_topic_attributes(TopicArn=TOPIC)
    assert await counts(stub) == {"events": 0, "calls": 0}


async def test_another_action_is_an_error(sns: Any) -> None:
    with pytest.raises(ClientError) as caught:
        await sns.list_topics()
    assert caught.value.response["Error"]["Code"] == "InvalidAction"


async def test_a_message_is_given_once_and_its_deletion_counts(queue_and_table: str) -> None:
    async with http_client(base_url=queue_and_table) as http:
        await http.post("/load", json=[f"body {number}" for number in range(12)])
    async with client("sqs", endpoint(queue_and_table)) as sqs:
        given = [await sqs.receive_message(QueueUrl=queue_and_table, MaxNumberOfMessages=10) for _ in range(2)]
        messages = [message for answer in given for message in answer["Messages"]]
        assert [message["Body"] for message in messages] == [f"body {number}" for number in range(12)]
        entries = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(messages[:10])]
        await sqs.delete_message_batch(QueueUrl=queue_and_table, Entries=entries)
        await sqs.delete_message_batch(QueueUrl=queue_and_table, Entries=entries)
    assert (await counts(queue_and_table))["deleted"] == 10


async def test_a_receive_waits_for_a_message(queue_and_table: str) -> None:
    async with client("sqs", endpoint(queue_and_table)) as sqs, http_client() as http:
        receiving = asyncio.ensure_future(sqs.receive_message(QueueUrl=queue_and_table))

        async def is_waiting() -> bool:
            return bool((await counts(queue_and_table))["waiting_calls"])

        await until(is_waiting, within_s=5, every_s=0.01)
        await http.post(f"{queue_and_table}/load", json=["late"])
        assert [message["Body"] for message in (await receiving)["Messages"]] == ["late"]


async def test_a_key_counts_once_however_often_it_is_put(queue_and_table: str) -> None:
    item = {"identity": {"S": "a"}, "copy": {"S": "sqs"}}
    async with client("dynamodb", endpoint(queue_and_table)) as dynamodb:
        for _ in range(2):
            answer = await dynamodb.batch_write_item(RequestItems={"events": [{"PutRequest": {"Item": item}}]})
            assert answer["UnprocessedItems"] == {}
        with pytest.raises(ClientError, match="twice"):
            await dynamodb.batch_write_item(RequestItems={"events": [{"PutRequest": {"Item": item}}] * 2})
        assert (await counts(queue_and_table))["items"] == 1
        with pytest.raises(ClientError, match="not known"):
            await dynamodb.list_tables()


async def test_one_message_in_a_hundred_is_sampled(queue_and_table: str) -> None:
    async with http_client(base_url=queue_and_table) as http:
        await http.post("/load", json=["{}"] * 2 * SAMPLED_EVERY)
    sampled = 0
    async with client("sqs", endpoint(queue_and_table)) as sqs:
        for _ in range(2 * SAMPLED_EVERY // 10):
            answer = await sqs.receive_message(QueueUrl=queue_and_table, MaxNumberOfMessages=10)
            given = [each["MessageAttributes"]["traceparent"]["StringValue"] for each in answer["Messages"]]
            assert all(map(trace_context.parse, given))
            sampled += sum(map(trace_context.is_sampled, given))
    assert sampled == 2


async def test_spans_are_counted() -> None:
    async with traces.receiving() as receiver:
        tracing = Tracing("gateway", TraceSettings(endpoint=receiver.url))
        for _ in range(3):
            with tracing.sending("kafka", "events", [f"00-{'1' * 32}-{'2' * 16}-01"]):
                pass
        await tracing.close()
        assert receiver.spans == 3
