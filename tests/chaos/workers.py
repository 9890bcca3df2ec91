"""Workers of services B and C beside those of the rig."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pipeline.core.settings.stack import StackSettings
from stack import ports, process
from stack.home import ROOT
from tests.chaos.rig import Rig
from tests.support.waiting import until
from tests.support.worker_process import Worker


@asynccontextmanager
async def beside(rig: Rig, service: str, instance: str) -> AsyncIterator[Worker]:
    """Another worker of `service`, between the same proxies, which is killed at the end if it is still there."""
    part, port = rig.parts[service], ports.choose(StackSettings(ports="free")).web
    environment = dict(part.environment) | {"MENSAGERIA_WORKER_INSTANCE": instance}
    log = rig.home.log(instance)
    started = await process.spawn((*part.command[:-1], str(port)), environment, log, ROOT)
    worker = Worker(started, f"http://127.0.0.1:{port}", log)

    async def is_up() -> bool:
        assert started.returncode is None, log.read_text()[-3000:]
        return await worker.answers("/healthz") is not None

    try:
        await until(is_up, within_s=60)
        yield worker
    finally:
        process.kill_group(started.pid)
        await started.wait()
