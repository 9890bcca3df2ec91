"""The whole system as `make run` starts it, in a home of its own, on all cores."""

import json
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from bench.rigs import builds, pinned
from bench.rigs.builds import Build
from bench.rigs.running import running
from pipeline.clients.aws import Endpoint
from pipeline.core.settings import inherited
from stack.home import Home
from stack.part import Part

PARTS = ("gateway", "service-b", "service-c", "kafka", "postgres", "dynamodb", "web", "aws")


class System:
    """A system that runs: its addresses, by the names of endpoints.json, and the processes of its parts."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.endpoints: dict[str, str] = json.loads(home.endpoints.read_text())

    def pid(self, part: str) -> int:
        """The main process of `part` now."""
        return int(self._home.pid(part).read_text())

    def pids(self) -> dict[str, int]:
        """The main process of each part that it has."""
        return {part: self.pid(part) for part in PARTS if self._home.pid(part).exists()}

    @property
    def dynamodb(self) -> Endpoint:
        """The table's server."""
        return self._endpoint("dynamodb")

    @property
    def aws(self) -> Endpoint:
        """The emulator."""
        return self._endpoint("aws")

    def _endpoint(self, name: str) -> Endpoint:
        told = self.endpoints
        return Endpoint(
            endpoint_url=told[name],
            region_name=told["region"],
            aws_access_key_id=told["access_key"],
            aws_secret_access_key=told["secret_key"],
        )


@asynccontextmanager
async def started(dynamodb: Literal["disk", "memory"], build: Build = builds.THIS) -> AsyncGenerator[System, None]:
    """A system with its table on disk or in memory, which leaves nothing behind. Raises PartFailed and BenchError."""
    tree = await build.checkout()
    with pinned.folder() as home:
        async with running(home, _part(home, dynamodb, build, tree)):
            yield System(home)


def _part(home: Home, dynamodb: str, build: Build, tree: Path) -> Part:
    async def is_ready() -> bool:
        return home.endpoints.exists()

    own = {"HOME": str(home.path), "PORTS": "free", "DYNAMODB": dynamodb}
    return Part(
        name="system",
        command=("env", f"--chdir={tree}", str(tree / ".venv" / "bin" / "python"), "-m", *build.module),
        environment=inherited() | {f"MENSAGERIA_{name}": value for name, value in own.items()},
        probe=is_ready,
        deadline_s=120,
        stop_signal=signal.SIGINT,
        stop_timeout_s=40,
    )
