"""Spans, sent by the OpenTelemetry SDK. Import it only where there is an endpoint: it takes a quarter of a second."""

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.re import parse_env_headers

from pipeline.core import trace_context
from pipeline.core.trace_context import TraceContext

Kind = Literal["SERVER", "PRODUCER", "CLIENT", "CONSUMER"]

_SCOPE = InstrumentationScope("mensageria")
_UNSET, _ERROR = Status(StatusCode.UNSET), Status(StatusCode.ERROR)
_MAX_LINKS = 128
"""As the SDK's own spans have at most (OTEL_SPAN_LINK_COUNT_LIMIT)."""
_EXPORT_TIMEOUT_S = 2
_CLOSE_TIMEOUT_S = 2
_QUEUE = 32_768
_BATCH = 2_048
"""With the SDK's own 2,048 and 512 a burst loses a half."""
_DELAY_MS = 1_000


@dataclass(frozen=True)
class _Origin:
    """Where the spans of a process come from and go to."""

    resource: Resource
    processor: BatchSpanProcessor


class Span:
    """One span that has begun, to be ended once; as a context manager it ends with the block."""

    __slots__ = ("_attributes", "_begun_ns", "_kind", "_links", "_name", "_origin", "_parent", "_status", "context")

    def __init__(
        self,
        origin: _Origin,
        name: str,
        kind: Kind,
        attributes: Mapping[str, str | int],
        parent: TraceContext | None,
        links: Sequence[TraceContext],
    ) -> None:
        self.context = trace_context.sampled(parent)
        self._origin = origin
        self._name = name
        self._kind = kind
        self._attributes = dict(attributes)
        self._parent = parent
        self._links = links
        self._status = _UNSET
        self._begun_ns = time.time_ns()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.end(kind)

    def set(self, name: str, value: str | int) -> None:
        """Set an attribute."""
        self._attributes[name] = value

    def fail(self, error_type: str) -> None:
        """Mark it as failed, by the name or code of what went wrong."""
        self.set("error.type", error_type)
        self._status = _ERROR

    def end(self, error: type[BaseException] | None = None) -> None:
        """End it; `error` is what went wrong."""
        if error:
            self.fail(error.__name__)
        self._origin.processor.on_end(
            ReadableSpan(
                self._name,
                _known(self.context, is_remote=False),
                _known(self._parent) if self._parent else None,
                self._origin.resource,
                dict(self._attributes),  # the sender's thread reads it
                links=[Link(_known(context)) for context in self._links[:_MAX_LINKS]],
                kind=SpanKind[self._kind],
                status=self._status,
                start_time=self._begun_ns,
                end_time=time.time_ns(),
                instrumentation_scope=_SCOPE,
            )
        )

    def end_with(self, done: asyncio.Future[Any]) -> None:
        """End it as `done` ended."""
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        self.end(type(error) if error else None)


class Spans:
    """Makes the spans of one process and sends them in the background: nobody waits for the receiver.

    The SDK's own spans cost twice as much and more (decision 20): they look for a parent in the thread's
    context, ask a sampler and copy every attribute under a lock. Of the SDK are what sends them and
    the form in which it takes them.
    """

    def __init__(self, service: str, endpoint: str, headers: str) -> None:
        exporter = OTLPSpanExporter(
            f"{endpoint.rstrip('/')}/v1/traces",
            headers=parse_env_headers(headers, liberal=True),
            timeout=_EXPORT_TIMEOUT_S,
        )
        processor = BatchSpanProcessor(
            exporter, max_queue_size=_QUEUE, max_export_batch_size=_BATCH, schedule_delay_millis=_DELAY_MS
        )
        self._origin = _Origin(Resource.create({"service.name": service}), processor)

    def begin(
        self,
        name: str,
        kind: Kind,
        attributes: Mapping[str, str | int],
        *,
        parent: TraceContext | None = None,
        links: Sequence[TraceContext] = (),
    ) -> Span:
        """Begin a span; without a parent, with it a trace."""
        return Span(self._origin, name, kind, attributes, parent, links)

    def close(self) -> None:
        """Send what is left, for as long as that makes sense."""
        closing = threading.Thread(target=self._origin.processor.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSE_TIMEOUT_S)


def _known(context: TraceContext, *, is_remote: bool = True) -> SpanContext:
    trace_id, span_id = int(context.trace_id, 16), int(context.span_id, 16)
    return SpanContext(trace_id, span_id, is_remote, TraceFlags(context.flags))
