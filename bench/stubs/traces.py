"""Takes traces as an OpenTelemetry collector does (OTLP over HTTP, protobuf), and counts their spans.

It runs in the process that measures, which has nothing to do meanwhile and none of the cores of what is measured.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.stubs.connection import HOST, Answer, Connection, Reply, Request

_NOTHING_REFUSED = Answer(200, b"application/x-protobuf", b"")


class TraceStub:
    """The `spans` that came in."""

    def __init__(self) -> None:
        self.spans = 0
        self.url = ""

    def __call__(self, request: Request, reply: Reply) -> None:
        """Take an export."""
        resources = ExportTraceServiceRequest.FromString(request.body).resource_spans
        self.spans += sum(len(scope.spans) for resource in resources for scope in resource.scope_spans)
        reply(_NOTHING_REFUSED)


@asynccontextmanager
async def receiving() -> AsyncGenerator[TraceStub, None]:
    """A stub that answers at its `url` for the length of the block."""
    stub = TraceStub()
    async with await asyncio.get_running_loop().create_server(lambda: Connection(stub), HOST, 0) as server:
        stub.url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
        yield stub
