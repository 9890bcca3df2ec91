"""The SNS leg: PublishBatch in micro-batches."""

import asyncio
from contextlib import AsyncExitStack
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from gateway.errors import LegRefused, LegUnavailable
from gateway.legs import sns_request
from gateway.legs.sns_batches import MAX_CALLS, SnsBatches
from gateway.legs.sns_request import Verdict
from gateway.publication import Publication, can_be_marked, pending_in_kafka
from pipeline.clients.signed_http import NoAnswer, SignedHttp, signed_http
from pipeline.telemetry.call_metrics import Calls
from pipeline.telemetry.tracing import Tracing

_HEADERS = {"content-type": sns_request.CONTENT_TYPE}
_ANSWER_SHARE = 0.6
"""Of the leg's deadline, for one call's answer: what hangs is tried again, and what is slow is waited for."""


class SnsLeg:
    """Publishes to one topic; it connects with the first call."""

    name = "sns"

    def __init__(self, topic_arn: str, timeout_s: float, tracing: Tracing, calls: Calls) -> None:
        self._topic_arn = topic_arn
        self._topic = topic_arn.rpartition(":")[2]
        self._tracing = tracing
        self._timeout_s = timeout_s
        self._calls = calls
        self._batches = SnsBatches(self._publish_batch, timeout_s)
        self._open = AsyncExitStack()
        self._sns: SignedHttp

    async def __aenter__(self) -> Self:
        self._sns = await self._open.enter_async_context(signed_http("sns", connections=MAX_CALLS))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._batches.aclose()
        await self._open.aclose()

    def publish(self, publication: Publication) -> asyncio.Future[None]:
        """Ends once SNS has acknowledged it, or with LegUnavailable or LegRefused."""
        return self._batches.publish(publication)

    def can_hold(self, publication: Publication) -> bool:
        """Whether it fits into a message with the mark."""
        return can_be_marked(publication)

    def hold(self, publication: Publication) -> asyncio.Future[None]:
        """Ends once SNS has it for the pending queue as well, or as `publish` does.

        It is a publication like any other, so queues b and c get it (again): the stores deduplicate.
        """
        return self._batches.publish(pending_in_kafka(publication))

    def publish_held(self, publication: Publication) -> list[asyncio.Future[None]]:
        """Publish it and have it held for Kafka: one call does both."""
        return [self.hold(publication)]

    async def check(self) -> None:
        """Raises LegUnavailable where SNS doesn't answer or doesn't know the topic."""
        try:
            await self._sns.client.get_topic_attributes(TopicArn=self._topic_arn)
        except (BotoCoreError, ClientError) as error:
            raise LegUnavailable(self.name, str(error)) from error

    async def _publish_batch(self, publications: list[Publication]) -> Verdict:
        traceparents = [each.traceparent for each in publications]
        with self._calls.timed("send"), self._tracing.sending("aws.sns", self._topic, traceparents):
            return await self._call(publications)

    async def _call(self, publications: list[Publication]) -> Verdict:
        content = sns_request.body(self._topic_arn, publications)
        try:
            status, told = await self._sns.post(content, _HEADERS, timeout_s=_ANSWER_SHARE * self._timeout_s)
        except NoAnswer as error:
            raise LegUnavailable(self.name, str(error)) from error
        if sns_request.is_refusal(status, told):
            raise LegRefused(self.name, f"{status} {sns_request.error_code(told)}")
        if status != 200:
            raise LegUnavailable(self.name, f"{status} {sns_request.error_code(told)}")
        return sns_request.verdict(told)
