"""A gateway of a test's own, on the system's SNS and Kafka or on what stands before them."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.running_system import ROOT


@asynccontextmanager
async def gateway(aws: dict[str, str], port: int, **settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A gateway of the test's own, killed at the end if it is still there."""
    own = {"TOPIC_ARN": aws["topic_arn"], "KAFKA_BOOTSTRAP_SERVERS": aws["kafka"], "GATEWAY_PORT": str(port)} | settings
    environ = os.environ | {f"MENSAGERIA_{name}": value for name, value in own.items()}  # noqa: TID251
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "gateway", cwd=ROOT, env=environ)
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
