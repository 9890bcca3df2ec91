"""Spans of the services: each call here costs an event that is not sampled a look at its traceparent.

Names and attributes are those of OpenTelemetry's semantic conventions for messaging. A batch has a span
of its own, with links to its sampled events; each of these has one too, in its own trace.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Self

from pipeline.core import trace_context
from pipeline.core.errors import SettingsError
from pipeline.core.settings.process import TraceSettings
from pipeline.core.trace_context import TraceContext
from pipeline.events.delivery import Arrival

if TYPE_CHECKING:
    from pipeline.telemetry.spans import Span, Spans

_SYSTEMS = {"sqs": "aws_sqs", "kafka": "kafka"}
_NOTHING: AbstractContextManager[None] = nullcontext()


class Tracing:
    """The spans of one process; without an endpoint there are none, and the SDK is not imported."""

    def __init__(self, service: str, settings: TraceSettings) -> None:
        """Raises SettingsError where the endpoint is no address."""
        self.spans = _spans(service, settings) if settings.endpoint else None
        self._service = service

    def sending(self, system: str, destination: str, traceparents: Sequence[str]) -> AbstractContextManager[object]:
        """The span of one call that sends a batch, for as long as the block takes."""
        return self._send(system, destination, traceparents) or _NOTHING

    def follow(self, sent: asyncio.Future[Any], system: str, destination: str, traceparent: str) -> None:
        """The span of an event that is sent by itself, until `sent` is done."""
        if span := self._send(system, destination, (traceparent,)):
            sent.add_done_callback(span.end_with)

    def processing(self, arrivals: Sequence[Arrival]) -> "Processing":
        """The spans of a batch that is settled while the block lasts."""
        sampled = [(each, context) for each in arrivals if (context := self._sampled(each.metadata.traceparent))]
        return SampledProcessing(self.spans, self._service, arrivals, sampled) if self.spans and sampled else _UNSAMPLED

    async def close(self) -> None:
        """Send what is left, for at most 2 s. To be called last: what is traced later is lost."""
        if self.spans:
            await asyncio.get_running_loop().run_in_executor(None, self.spans.close)

    def _sampled(self, traceparent: str | None) -> TraceContext | None:
        if not self.spans or not trace_context.is_sampled(traceparent):
            return None
        return trace_context.parse(traceparent)

    def _send(self, system: str, destination: str, traceparents: Sequence[str]) -> "Span | None":
        """In the trace of the first sampled event: where few are sampled, it is the only one."""
        sampled = [context for each in traceparents if (context := self._sampled(each))]
        if not self.spans or not sampled:
            return None
        attributes = messaging(system, "send", destination)
        if len(traceparents) > 1:
            attributes["messaging.batch.message_count"] = len(traceparents)
        return self.spans.begin(f"send {destination}", "CLIENT", attributes, parent=sampled[0], links=sampled)


class Processing:
    """What is traced of a batch none of whose events is sampled: nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        return None

    def refused(self, arrival: Arrival, reason: str) -> None:
        """`arrival`, which is of the batch, is a dead letter."""


class SampledProcessing(Processing):
    """The spans of a batch."""

    def __init__(
        self, spans: "Spans", service: str, arrivals: Sequence[Arrival], sampled: list[tuple[Arrival, TraceContext]]
    ) -> None:
        via, origin = arrivals[0].via, arrivals[0].origin
        destination = origin.get("queue") or origin["topic"]
        name, common = f"process {destination}", messaging(_SYSTEMS[via], "process", destination)
        if via == "kafka":
            common["messaging.consumer.group.name"] = service
        count = {"messaging.batch.message_count": len(arrivals)}
        self._batch = spans.begin(name, "CONSUMER", common | count, links=[context for _, context in sampled])
        self._events = {
            id(arrival): spans.begin(
                name, "CONSUMER", common | _message(arrival), parent=context, links=[self._batch.context]
            )
            for arrival, context in sampled
        }

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        for span in (*self._events.values(), self._batch):
            span.end(kind)

    def refused(self, arrival: Arrival, reason: str) -> None:
        """`arrival`, which is of the batch, is a dead letter."""
        if span := self._events.get(id(arrival)):
            span.set("error.type", reason)


_UNSAMPLED = Processing()


def messaging(system: str, operation: str, destination: str) -> dict[str, str | int]:
    """The attributes that every span of an `operation` with `destination` has."""
    return {
        "messaging.system": system,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": destination,
    }


def _message(arrival: Arrival) -> dict[str, str | int]:
    origin = arrival.origin
    if arrival.via == "sqs":
        return {"messaging.message.id": origin["message_id"]}
    return {"messaging.destination.partition.id": str(origin["partition"]), "messaging.kafka.offset": origin["offset"]}


def _spans(service: str, settings: TraceSettings) -> "Spans":
    if not settings.endpoint.startswith(("http://", "https://")):
        raise SettingsError(f"OTEL_EXPORTER_OTLP_ENDPOINT is {settings.endpoint!r}: give http://HOST:PORT")
    from pipeline.telemetry.spans import Spans  # here, as it takes a quarter of a second

    return Spans(service, settings.endpoint, settings.headers)
