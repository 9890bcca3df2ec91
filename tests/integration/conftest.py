"""What tests on the real parts share."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from lambda_query.app import App, create_app
from pipeline.clients import aws as aws_clients
from tests.support.querying import Writers, settings

CALLS = 4
"""To receive at once: each brings ten messages at most."""


@pytest.fixture
def source() -> str:
    """An event source that no other test uses: all of them share one system."""
    return f"urn:test:{uuid.uuid4()}"


@pytest.fixture
def aws(system: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The system's endpoints, with the AWS SDK's own settings made from them."""
    endpoints: dict[str, str] = system.endpoints
    for name, value in (
        ("AWS_ENDPOINT_URL", endpoints["aws"]),
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoints["dynamodb"]),
        ("AWS_REGION", endpoints["region"]),
        ("AWS_DEFAULT_REGION", endpoints["region"]),
        ("AWS_ACCESS_KEY_ID", endpoints["access_key"]),
        ("AWS_SECRET_ACCESS_KEY", endpoints["secret_key"]),
    ):
        monkeypatch.setenv(name, value)
    return endpoints


@pytest.fixture
async def sns_messages(aws: dict[str, str], source: str) -> AsyncIterator[Callable[[], Any]]:
    """What SNS has delivered of the test's source, by id, since the test began: a queue of its own sees it."""
    name = f"test-{uuid.uuid4()}"
    found: dict[str, Any] = {}
    async with aws_clients.client("sqs") as sqs, aws_clients.client("sns") as sns:
        queue = (await sqs.create_queue(QueueName=name))["QueueUrl"]
        arn = (await sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"]))["Attributes"]["QueueArn"]
        subscription = await sns.subscribe(
            TopicArn=aws["topic_arn"], Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
        )

        async def receive() -> dict[str, Any]:
            asked = {"QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": 60}
            calls = (sqs.receive_message(**asked, MessageAttributeNames=["All"]) for _ in range(CALLS))
            answers = await asyncio.gather(*calls)
            for message in [each for answer in answers for each in answer.get("Messages", [])]:
                beside = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
                if beside.get("source") == source:
                    found[beside["id"]] = message
            return found

        yield receive
        await sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
        await sqs.delete_queue(QueueUrl=queue)


@pytest.fixture
async def kafka_records(aws: dict[str, str], source: str) -> AsyncIterator[Callable[[], Any]]:
    """What Kafka has of the test's source, by id, since the test began: other tests leave what is no event."""
    found: dict[str, Any] = {}
    topic, servers = aws["kafka_topic"], aws["kafka"]
    async with AIOKafkaConsumer(topic, bootstrap_servers=servers) as consumer:
        for partition in consumer.assignment():
            await consumer.position(partition)  # the end, from now on

        async def receive() -> dict[str, Any]:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    beside = {name: value.decode() for name, value in record.headers}
                    if beside.get("source") == source:
                        found[beside["id"]] = record
            return found

        yield receive


@pytest.fixture
async def writers(aws: dict[str, str]) -> AsyncIterator[Writers]:
    """The stores of services B and C."""
    both = Writers(aws)
    yield both
    await both.close()


@pytest.fixture
def app(aws: dict[str, str]) -> Iterator[App]:
    """The query's app."""
    one = create_app(settings(aws, store_timeout_s=10.0))
    yield one
    one.close()
