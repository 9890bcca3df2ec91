"""A gateway of a test's own, on the system's SNS and Kafka or on what stands before them."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support import logged
from tests.support.running_system import ROOT


@asynccontextmanager
async def gateway(
    aws: dict[str, str], port: int, *, traces_to: str = "", log: str = "", **settings: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A gateway of the test's own, killed at the end if it is still there; it writes to `log`, or with all others."""
    own = {"TOPIC_ARN": aws["topic_arn"], "KAFKA_BOOTSTRAP_SERVERS": aws["kafka"], "GATEWAY_PORT": str(port)} | settings
    named = {f"MENSAGERIA_{name}": value for name, value in own.items()} | {"OTEL_EXPORTER_OTLP_ENDPOINT": traces_to}
    environ = os.environ | named  # noqa: TID251 - what a shell gives it
    with (Path(log) if log else logged.home() / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", cwd=ROOT, env=environ, stderr=output
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answers(client: httpx.AsyncClient, path: str, status: int) -> dict[str, Any] | None:
    """The JSON of `path` where it answers `status`, else None."""
    try:
        answer = await client.get(path)
    except httpx.TransportError:
        return None
    return dict(answer.json()) if answer.status_code == status else None
