"""The SNS leg: PublishBatch in micro-batches."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from gateway.micro_batches import MicroBatches
from gateway.publication import Publication
from pipeline import aws
from pipeline.errors import LegUnavailable

if TYPE_CHECKING:
    from types_aiobotocore_sns import SNSClient
    from types_aiobotocore_sns.type_defs import PublishBatchRequestEntryTypeDef

_ESCAPES = str.maketrans({"\ufffe": "\\ufffe", "\uffff": "\\uffff"})
"""SQS takes neither character; in JSON they stand in strings alone, where an escape means the same."""


class SnsLeg:
    """Publishes to one topic; the client connects with the first call."""

    name = "sns"

    def __init__(self, topic_arn: str, timeout_s: float) -> None:
        self._topic_arn = topic_arn
        self._batches = MicroBatches(self._publish_batch, timeout_s)
        self._open = AsyncExitStack()
        self._client: SNSClient

    async def __aenter__(self) -> Self:
        self._client = await self._open.enter_async_context(aws.client("sns"))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._batches.aclose()
        await self._open.aclose()

    async def publish(self, publication: Publication) -> None:
        """Return once SNS has acknowledged it; raises LegUnavailable."""
        await self._batches.publish(publication)

    async def check(self) -> None:
        """Raises LegUnavailable where SNS doesn't answer or doesn't know the topic."""
        try:
            await self._client.get_topic_attributes(TopicArn=self._topic_arn)
        except (BotoCoreError, ClientError) as error:
            raise LegUnavailable(self.name, str(error)) from error

    async def _publish_batch(self, publications: list[Publication]) -> set[int]:
        entries = [_entry(index, publication) for index, publication in enumerate(publications)]
        try:
            answer = await self._client.publish_batch(TopicArn=self._topic_arn, PublishBatchRequestEntries=entries)
        except (BotoCoreError, ClientError) as error:
            raise LegUnavailable(self.name, str(error)) from error
        return {int(stored["Id"]) for stored in answer.get("Successful", [])}


def _entry(index: int, publication: Publication) -> "PublishBatchRequestEntryTypeDef":
    return {
        "Id": str(index),
        "Message": publication.event.body.decode().translate(_ESCAPES),
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in publication.metadata
        },
    }
