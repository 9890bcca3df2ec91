"""The services of compose.yml as processes of this machine, where there is no Docker.

Each runs its own command with its own environment, in a folder that holds what docker/Dockerfile
copies for it, once what it waits for is healthy or has ended well.
"""

import asyncio
import shutil
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.core.settings import inherited
from stack import dynamodb, postgres, process
from stack.home import BIN, ROOT, STACK_BIN
from tests.support import compose, dockerfile, images
from tests.support.this_machine import ThisMachine
from tests.support.waiting import until

READY_S = 120
STOP_S = 15
_FOREIGN = {"kafka": images.kafka, "postgres": images.postgresql, "dynamodb": images.dynamodb}
_SERVERS = {*_FOREIGN, "aws"}
_MADE = {
    "/app/.venv": BIN.parent,
    "/app/.build/lambda_query.zip": ROOT / ".build" / "lambda_query.zip",
    "/opt/emulator": STACK_BIN.parent,
}
"""What the images' RUN instructions would make, by the paths there."""


@dataclass
class Containers:
    """The services of `machine`'s file, and those that run."""

    machine: ThisMachine
    running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        return dict(self.machine.file["services"])

    def log(self, name: str) -> Path:
        return self.machine.folder / f"{name}.log"

    async def run(self, name: str, *command: str) -> int:
        """Run the service `name` to its end, with another command where one is given; its exit code."""
        program, environment, folder = await self._program(name, *command)
        return await process.run(program, environment, self.log(name), folder, deadline_s=READY_S)

    async def start(self, name: str) -> None:
        """Start the service `name` and return once it is healthy; a job, once it has ended well."""
        if compose.is_job(self.services[name]):
            assert await self.run(name) == 0, self.log(name).read_text()
            return
        program, environment, folder = await self._program(name)
        self.running[name] = await process.spawn(program, environment, self.log(name), folder)
        await self._until(name, lambda: self._is_healthy(name))

    async def start_all(self) -> None:
        """Start every service of the profile `core`, each when what it waits for is there."""
        core = [name for name, service in self.services.items() if "core" in service["profiles"]]
        there = {name: asyncio.Event() for name in core}

        async def start(name: str) -> None:
            for needed in compose.dependencies(self.services[name]):
                await there[needed].wait()
            await self.start(name)
            there[name].set()

        async with asyncio.TaskGroup() as starting:
            for name in core:
                starting.create_task(start(name))

    async def stop_all(self) -> dict[str, int | None]:
        """Stop what runs, the project's own services first; the exit codes."""
        own = [name for name in self.running if name not in _SERVERS]
        for stage in (own, [name for name in self.running if name in _SERVERS]):
            await asyncio.gather(*(self._stop(name) for name in stage))
        codes = {name: running.returncode for name, running in self.running.items()}
        self.running.clear()
        return codes

    async def _stop(self, name: str) -> None:
        number = signal.SIGINT if name == "postgres" else signal.SIGTERM  # the image's own STOPSIGNAL
        await process.stop(self.running[name], number, STOP_S)

    async def _until(self, name: str, condition: Callable[[], Awaitable[bool]]) -> None:
        try:
            await until(condition, within_s=READY_S, every_s=0.5)  # each is a process
        except TimeoutError:
            raise AssertionError(f"{name} is not healthy:\n{self.log(name).read_text()}") from None

    async def _is_healthy(self, name: str) -> bool:
        assert self.running[name].returncode is None, f"{name} has ended:\n{self.log(name).read_text()}"
        check = compose.health_check(self.services[name]) or dockerfile.exec_form(name, "HEALTHCHECK")
        program, *arguments = self.machine.words(name, check)
        elsewhere = {"pg_isready": lambda: postgres.binary(program), "node": dynamodb.node}
        found = elsewhere[program]() if program in elsewhere else shutil.which(program, path=_path(ROOT))
        asked = await asyncio.create_subprocess_exec(
            str(found),
            *arguments,
            env=inherited(),
            cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await asked.wait() == 0

    async def _program(self, name: str, *instead: str) -> tuple[tuple[str, ...], dict[str, str], Path]:
        """The command of the service, its environment, and the folder to run it in."""
        service, target = self.services[name], self.services[name].get("build", {}).get("target")
        image = dockerfile.environment(target) if target else {}
        environment = self.machine.environment(name, image | service.get("environment", {}))
        words = instead or (*service.get("entrypoint", ()), *service.get("command", ()))
        command = self.machine.words(name, words)
        if name in _FOREIGN:
            return await _FOREIGN[name](self.machine, environment, command), inherited() | environment, ROOT
        folder = dockerfile.working_folder(target, _MADE, self.machine.folder / "images" / name)
        if name == "migrate":
            return await images.dbmate(self.machine, environment, command), inherited() | environment, folder
        program = shutil.which(command[0], path=_path(folder))
        return (
            (str(program), *command[1:]),
            environment | {"PATH": inherited()["PATH"]} | _port(self.machine, name),
            folder,
        )


def _path(folder: Path) -> str:
    return f"{folder}/bin:{folder}/.venv/bin:{folder.parent}/opt/emulator/bin:{inherited()['PATH']}"


def _port(machine: ThisMachine, name: str) -> dict[str, str]:
    """The setting of a port that is a default, and that Docker would publish on another one."""
    variables = {"gateway": ("MENSAGERIA_GATEWAY_PORT", "8000"), "web": ("MENSAGERIA_WEB_PORT", "8080")}
    if name not in variables:
        return {}
    variable, port = variables[name]
    return {variable: str(machine.ports[name, port])}
