"""The SNS leg: PublishBatch in micro-batches."""

import asyncio
from contextlib import AsyncExitStack
from typing import Self

import aiohttp
from botocore.exceptions import BotoCoreError, ClientError

from gateway import sns_request
from gateway.micro_batches import MAX_CALLS, MicroBatches
from gateway.publication import Publication
from gateway.sns_request import Signer
from pipeline import aws, clock
from pipeline.errors import LegUnavailable

_CONNECT_TIMEOUT_S = 2
_ANSWER_SHARE = 0.6
"""Of the leg's deadline, for one call's answer: what hangs is tried again, and what is slow is waited for."""


class SnsLeg:
    """Publishes to one topic; it connects with the first call."""

    name = "sns"

    def __init__(self, topic_arn: str, timeout_s: float) -> None:
        self._topic_arn = topic_arn
        self._timeout_s = timeout_s
        self._batches = MicroBatches(self._publish_batch, timeout_s)
        self._open = AsyncExitStack()
        self._account: aws.Account
        self._signer: Signer
        self._http: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._account = await self._open.enter_async_context(aws.account("sns"))
        self._signer = Signer(self._account.url, self._account.region)
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=_CONNECT_TIMEOUT_S, sock_read=_ANSWER_SHARE * self._timeout_s
        )
        self._http = await self._open.enter_async_context(
            aiohttp.ClientSession(
                timeout=timeout,
                connector=aiohttp.TCPConnector(limit=MAX_CALLS, keepalive_timeout=30),
                skip_auto_headers=("user-agent", "accept", "accept-encoding"),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._batches.aclose()
        await self._open.aclose()

    def publish(self, publication: Publication) -> asyncio.Future[None]:
        """Ends once SNS has acknowledged it, or with LegUnavailable."""
        return self._batches.publish(publication)

    async def check(self) -> None:
        """Raises LegUnavailable where SNS doesn't answer or doesn't know the topic."""
        try:
            await self._account.client.get_topic_attributes(TopicArn=self._topic_arn)
        except (BotoCoreError, ClientError) as error:
            raise LegUnavailable(self.name, str(error)) from error

    async def _publish_batch(self, publications: list[Publication]) -> set[int]:
        content = sns_request.body(self._topic_arn, publications)
        try:
            credentials = await self._account.credentials()
            headers = self._signer.headers(content, credentials, clock.now())
            async with self._http.post(self._account.url, data=content, headers=headers) as answer:
                told = await answer.read()
        except (BotoCoreError, aiohttp.ClientError, TimeoutError) as error:
            raise LegUnavailable(self.name, repr(error)) from error
        if answer.status != 200:
            raise LegUnavailable(self.name, f"{answer.status} {sns_request.error_code(told)}")
        return sns_request.acknowledged(told)
