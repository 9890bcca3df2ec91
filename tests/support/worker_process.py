"""Workers of services B and C that a test starts beside the system's own, on its servers or what stands before them."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from stack.http_client import http_client
from tests.support.running_system import ROOT
from tests.support.waiting import until

BIN = ROOT / ".venv" / "bin"


class Worker:
    """One process: `url` of its pages, `log` with its output."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log

    async def answers(self, page: str) -> httpx.Response | None:
        """The answer of one of its pages, or None where it doesn't answer."""
        async with http_client(base_url=self.url, timeout=10) as client:
            try:
                return await client.get(page)
            except httpx.TransportError:
                return None

    async def metric(self, line: str) -> float:
        """The value of the metric that begins with `line`."""
        answer = await self.answers("/metrics")
        assert answer
        return next(float(each.rpartition(" ")[2]) for each in answer.text.splitlines() if each.startswith(line))

    async def stop(self) -> float:
        """SIGTERM; the seconds until its end."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            await self.process.wait()
        return clock() - begun


@asynccontextmanager
async def worker(module: str, folder: Path, endpoints: dict[str, Any], **settings: str) -> AsyncIterator[Worker]:
    """A worker of `streams.<module>` that answers; `settings` go before what the endpoints say."""
    port = _free_port()
    log = folder / f"{module}-{port}.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(str(BIN / "faust"), "-A", f"streams.{module}", "worker", "-l", "info", "--web-port", str(port)),
            cwd=ROOT,
            env=_environment(endpoints, folder, settings),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    started = Worker(process, f"http://127.0.0.1:{port}", log)

    async def is_up() -> bool:
        assert process.returncode is None, log.read_text()[-3000:]
        return await started.answers("/healthz") is not None

    try:
        await until(is_up, within_s=60)
        yield started
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _environment(endpoints: dict[str, Any], folder: Path, settings: dict[str, str]) -> dict[str, str]:
    own = {
        "QUEUE_B_URL": endpoints["queue_b"],
        "DEAD_LETTER_B_URL": endpoints["dead_letter_b"],
        "POSTGRES_URL": endpoints["postgres"],
        "QUEUE_C_URL": endpoints["queue_c"],
        "DEAD_LETTER_C_URL": endpoints["dead_letter_c"],
        "TABLE": endpoints["table"],
        "KAFKA_BOOTSTRAP_SERVERS": endpoints["kafka"],
        "WORKER_DATA_DIR": str(folder / "faust"),
        "WORKER_POLL_S": "1",
    }
    aws = {name: value for name, value in settings.items() if name.startswith("AWS_")}
    own |= {name: value for name, value in settings.items() if name not in aws}
    return (
        dict(os.environ)  # noqa: TID251 - with the AWS settings of the `aws` fixture
        | {f"MENSAGERIA_{name}": value for name, value in own.items()}
        | aws
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
