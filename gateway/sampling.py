"""Head sampling: whether a request is traced is decided here, once; later hops follow the flag in the traceparent."""

import random
from typing import TYPE_CHECKING, Self

from pipeline.core import trace_context
from pipeline.core.settings.gateway import GatewaySettings
from pipeline.core.token_bucket import TokenBucket
from pipeline.core.trace_context import TraceContext
from pipeline.events.event import Event
from pipeline.telemetry.tracing import Tracing

if TYPE_CHECKING:
    from pipeline.telemetry.spans import Spans


class Sampler:
    """Begins the trace of each request, and samples some of them."""

    def __init__(self, tracing: Tracing, settings: GatewaySettings) -> None:
        self._spans = tracing.spans
        self._ratio = settings.trace_ratio
        self._room = TokenBucket(settings.traces_per_s, max(1.0, settings.traces_per_s))
        self._destination = settings.kafka.topic

    def request(self, traceparent: str | None, *, is_known: bool) -> "RequestTrace":
        """The trace of a request; only of a known sender is the flag obeyed, as it costs us and not the sender."""
        caller = trace_context.parse(traceparent)
        if not self._spans or not self._wants(caller if is_known else None) or self._room.wait_s():
            return RequestTrace(caller or trace_context.new())
        return SampledRequest(self._spans, caller, self._room, self._destination)

    def _wants(self, caller: TraceContext | None) -> bool:
        return caller.is_sampled if caller else random.random() < self._ratio  # noqa: S311 - no secret


class RequestTrace:
    """A request that is not sampled. Its events are in its trace all the same."""

    __slots__ = ("_context",)

    def __init__(self, context: TraceContext) -> None:
        self._context = context

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> None:
        return None

    def create(self, event: Event) -> str:
        """The traceparent that `event` carries."""
        return self._context.child()

    def answered(self, status: int, error_type: str | None) -> None:
        """The status of the answer that the request gets, and the error that it comes from."""


class SampledRequest(RequestTrace):
    """A request with a span, and one for each of its events."""

    __slots__ = ("_destination", "_room", "_span", "_spans")

    def __init__(self, spans: "Spans", caller: TraceContext | None, room: TokenBucket, destination: str) -> None:
        attributes = {"http.request.method": "POST", "http.route": "/events"}
        self._span = spans.begin("POST /events", "SERVER", attributes, parent=caller)
        super().__init__(self._span.context)
        self._spans = spans
        self._room = room
        self._destination = destination

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> None:
        self._span.end(kind)

    def create(self, event: Event) -> str:
        """The traceparent that `event` carries: of a span of its own. A large batch takes the room of others."""
        self._room.spend(1)
        attributes = {
            "messaging.operation.name": "create",
            "messaging.operation.type": "create",
            "messaging.destination.name": self._destination,
            "messaging.message.id": event.id,
            "cloudevents.event_id": event.id,
            "cloudevents.event_source": event.source,
            "cloudevents.event_type": event.type,
        }
        with self._spans.begin(f"create {self._destination}", "PRODUCER", attributes, parent=self._context) as span:
            return span.context.traceparent

    def answered(self, status: int, error_type: str | None) -> None:
        """The status and the error of the answer. The span fails by a 5xx alone, as HTTP's conventions ask."""
        self._span.set("http.response.status_code", status)
        if status >= 500:
            self._span.fail(error_type or str(status))
        elif error_type:
            self._span.set("error.type", error_type)
