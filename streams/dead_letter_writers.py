"""Writers of dead letters: to a queue, or to a Kafka topic."""

from collections.abc import Iterator, Mapping

import faust
import msgspec
import structlog
from aiokafka.errors import MessageSizeTooLargeError

from pipeline.clients.aws_json import JsonApi
from pipeline.clients.sqs import Queue
from pipeline.clients.sqs_text import sqs_text
from pipeline.core.errors import MessageRefused
from pipeline.events.delivery import Attribute
from pipeline.events.envelope import ABOUT, Envelope, open_envelope, packed, without, without_message
from pipeline.telemetry.call_metrics import Calls

_log = structlog.get_logger(__name__)

_Message = tuple[str, Mapping[str, Attribute]]
"""A message's text and its attributes."""
MAX_MESSAGE_BYTES = 1_048_576
"""SQS: 1 MiB a message."""
MAX_ATTRIBUTES = 10
"""SQS: of a message."""
MAX_RECORD_BYTES = 2 * 1024**2 - 1024
"""The dead-letter topic's limit (infra/topics.py), less what Kafka adds to a record."""


class DeadLetterQueueWriter:
    """The dead-letter queue of an SQS queue."""

    def __init__(self, url: str, api: JsonApi) -> None:
        self._queue = Queue(url, api)

    async def write(self, envelope: bytes) -> None:
        """Write a letter in the first of its forms that the queue takes: it may have a smaller limit than SQS.

        Returns when SQS has it; raises where it can't take it now.
        """
        for text, beside in _forms(envelope):
            try:
                await self._queue.send(text, beside)
            except MessageRefused as error:
                _log.warning("dead letter refused by its queue", error=str(error))
                continue
            return
        raise MessageRefused("a dead letter without its body and attributes")

    async def close(self) -> None:
        """Close the connections."""
        await self._queue.close()


class DeadLetterTopicWriter:
    """The dead-letter topic, written by the app's own producer."""

    def __init__(self, app: faust.App, name: str, calls: Calls) -> None:
        self._calls = calls
        self._topic = app.topic(name, value_type=bytes, value_serializer="raw")

    async def write(self, envelope: bytes) -> None:
        """Write a letter; one that is too large for the topic without its body, and where need be without its headers.

        Returns when all replicas have it; raises where they can't take it now.
        """
        with self._calls.timed("send"):
            await self._send_fitting(envelope)

    async def _send_fitting(self, envelope: bytes) -> None:
        for each in _ever_smaller(envelope):
            if len(each) > MAX_RECORD_BYTES:
                continue
            try:
                # `send` only queues; what it answers is done when the broker has it.
                await (await self._topic.send(value=each))
            except MessageSizeTooLargeError:  # the topic has a smaller limit than ours
                continue
            return
        raise MessageSizeTooLargeError("a dead letter without its body, headers and key")


def _ever_smaller(envelope: bytes) -> Iterator[bytes]:
    yield envelope
    if whole := open_envelope(envelope):
        for left_out in (("body",), ("body", "headers"), ("body", "headers", "key")):
            _log.warning("dead letter too large", reason=whole.reason, origin=whole.origin, without=left_out)
            yield msgspec.json.encode(without(whole, *left_out))


def _forms(envelope: bytes) -> Iterator[_Message]:
    """The forms of a letter that SQS takes, the fullest first."""
    for text, beside in _every_form(envelope):
        if len(beside) <= MAX_ATTRIBUTES and _size_bytes(text, beside) <= MAX_MESSAGE_BYTES:
            yield text, beside


def _every_form(envelope: bytes) -> Iterator[_Message]:
    """The envelope; where base64 makes it too long, the message in it with the rest of it beside; then ever less."""
    yield sqs_text(envelope), {}
    if not (opened := open_envelope(envelope)):
        return
    _log.warning("dead letter too large for its envelope", reason=opened.reason, origin=opened.origin)
    yield from _around_message(opened)
    for left_out in (("body",), ("body", "attributes")):
        yield sqs_text(msgspec.json.encode(without(opened, *left_out))), {}


def _around_message(opened: Envelope) -> Iterator[_Message]:
    """The message with the rest of its envelope in one more attribute, then in the only one, then without it."""
    body, attributes = opened.body_base64.decode(), opened.attributes or {}
    if ABOUT not in attributes:
        yield body, {**attributes, ABOUT: Attribute("String", sqs_text(without_message(opened)))}
    yield body, {ABOUT: Attribute("Binary", binary=packed(opened))}
    yield body, attributes


def _size_bytes(body: str, attributes: Mapping[str, Attribute]) -> int:
    """As SQS counts: the body, and the name, type and value of each attribute."""
    size = len(body.encode())
    for name, each in attributes.items():
        size += len(name) + len(each.data_type) + len((each.value or "").encode()) + len(each.binary or b"")
    return size
