"""Where services B and C put dead letters: a queue, or a Kafka topic."""

import asyncio
from collections.abc import Sequence

import faust
import structlog

from pipeline.aws_json import JsonApi
from pipeline.call_metrics import Calls
from pipeline.dead_letters import open_envelope
from pipeline.sqs import Queue
from pipeline.sqs_text import sqs_text

log = structlog.get_logger(__name__)

MAX_MESSAGE_BYTES = 1_048_576
"""SQS: 1 MiB a message."""


class DeadLetterQueue:
    """The dead-letter queue of an SQS queue."""

    def __init__(self, url: str, api: JsonApi) -> None:
        self._queue = Queue(url, api)

    async def write(self, envelopes: Sequence[bytes]) -> None:
        """Returns when SQS has them all; raises where it can't take them now."""
        await self._queue.send_all([_message(envelope) for envelope in envelopes])

    async def close(self) -> None:
        """Close the connections."""
        await self._queue.close()


class DeadLetterTopic:
    """The dead-letter topic, written by the app's own producer."""

    def __init__(self, app: faust.App, name: str, calls: Calls) -> None:
        self._calls = calls
        self._topic = app.topic(name, value_type=bytes, value_serializer="raw")

    async def write(self, envelopes: Sequence[bytes]) -> None:
        """Returns when all replicas have them all; raises where they can't take them now."""
        # `send` only queues; what it answers is done when the broker has it.
        with self._calls.timed("send"):
            sent = [await self._topic.send(value=envelope) for envelope in envelopes]
            await asyncio.gather(*sent)


def _message(envelope: bytes) -> str:
    """The envelope; or what is in it, as SQS' own redrive would have moved it, where base64 makes it too long."""
    text = sqs_text(envelope)
    opened = open_envelope(envelope)
    if len(text.encode()) <= MAX_MESSAGE_BYTES or not opened:
        return text
    log.warning("dead letter without its envelope", reason=opened.reason, origin=opened.origin)
    return opened.body_base64.decode()
