"""Spans by the OpenTelemetry SDK. Import it only where there is an endpoint: it takes a quarter of a second."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags
from opentelemetry.util.re import parse_env_headers

from pipeline.trace_context import TraceContext

Kind = Literal["SERVER", "PRODUCER", "CLIENT", "CONSUMER"]

_MAX_LINKS = 128
"""What the SDK keeps of them, and of more it keeps the last."""
_EXPORT_TIMEOUT_S = 2
_CLOSE_TIMEOUT_S = 2
_QUEUE = 32_768
_BATCH = 2_048
"""With the SDK's own 2,048 and 512 a burst loses a half."""
_DELAY_MS = 1_000


class Span:
    """One span that has begun; as a context manager it ends with the block."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        found = span.get_span_context()
        self.context = TraceContext(f"{found.trace_id:032x}", f"{found.span_id:016x}", int(found.trace_flags))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.end(kind)

    def set(self, name: str, value: str | int) -> None:
        """Set an attribute."""
        self._span.set_attribute(name, value)

    def end(self, error: type[BaseException] | None = None) -> None:
        """End it; `error` is what went wrong."""
        if error:
            self._span.set_attribute("error.type", error.__name__)
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end()

    def end_with(self, done: asyncio.Future[Any]) -> None:
        """End it as `done` ended."""
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        self.end(type(error) if error else None)


class Spans:
    """Makes the spans of one process and sends them in the background: nobody waits for the receiver."""

    def __init__(self, service: str, endpoint: str, headers: str) -> None:
        exporter = OTLPSpanExporter(
            f"{endpoint.rstrip('/')}/v1/traces",
            headers=parse_env_headers(headers, liberal=True),
            timeout=_EXPORT_TIMEOUT_S,
        )
        # Not at the interpreter's exit: that would wait for a receiver that is away.
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=Resource.create({"service.name": service}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter, max_queue_size=_QUEUE, max_export_batch_size=_BATCH, schedule_delay_millis=_DELAY_MS
            )
        )
        self._tracer = self._provider.get_tracer("mensageria")

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
        # An empty context: what some other span of this thread might have left is no parent.
        within = trace.set_span_in_context(NonRecordingSpan(_known(parent)) if parent else trace.INVALID_SPAN)
        linked = [Link(_known(context)) for context in links[:_MAX_LINKS]]
        return Span(self._tracer.start_span(name, within, SpanKind[kind], attributes, linked))

    def close(self) -> None:
        """Send what is left, for as long as that makes sense."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSE_TIMEOUT_S)


def _known(context: TraceContext) -> SpanContext:
    trace_id, span_id = int(context.trace_id, 16), int(context.span_id, 16)
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(context.flags))
