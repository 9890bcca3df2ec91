"""The SNS stub answers the AWS SDK as SNS does, and counts what it took."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from bench.sns_stub import Counts, SnsStub
from pipeline.aws import Endpoint, client

TOPIC = "arn:aws:sns:us-east-1:000000000000:events"


@pytest.fixture
async def stub() -> AsyncGenerator[str, None]:
    counts = Counts()
    server = await asyncio.get_running_loop().create_server(lambda: SnsStub(counts), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
async def sns(stub: str) -> AsyncGenerator[Any, None]:
    endpoint = Endpoint(
        endpoint_url=stub, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    async with client("sns", endpoint) as made:
        yield made


async def counts(stub: str) -> dict[str, int]:
    async with httpx.AsyncClient(trust_env=False) as http:
        told: dict[str, int] = (await http.get(f"{stub}/counts")).json()
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
