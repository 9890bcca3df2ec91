"""The query's function beside its stores, in processes and on a core of its own as Lambda would run it."""

import asyncio
import json
import sys
import time
import zipfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psycopg2

from bench.errors import BenchError, DoesNotCount
from bench.measuring import cpu, profiler
from bench.rigs import pinned
from bench.rigs.pinned import Place
from bench.rigs.running import running
from infra import archive
from pipeline.core.settings import inherited
from stack import aws, dynamodb, postgres, services
from stack.home import BIN, ROOT, STACK_BIN

OLD_EVENTS = 1_000_000
"""Rows in PostgreSQL alone: DynamoDB's stand-in would take too long for them."""
NEW_EVENTS = 5_000
"""In both stores, and newer."""
_RUNTIME = str(ROOT / "bench" / "rigs" / "lambda_runtime.py")
_LONGEST_S = 60
_FILL = """
insert into events (source, id, type, subject, "time", received_at, origin, content_hash, event)
select
    'https://shop.example/' || number %% 1000, 'old-' || number, 'example.shop.order.v' || number %% 10,
    'orders/' || number %% 10000, moment, moment, '{}', sha256(number::text::bytea),
    jsonb_build_object(
        'specversion', '1.0', 'source', 'https://shop.example/' || number %% 1000, 'id', 'old-' || number,
        'type', 'example.shop.order.v' || number %% 10, 'subject', 'orders/' || number %% 10000, 'time', moment,
        'data', jsonb_build_object('note', repeat('n', 250))
    )
from
    generate_series(1, %(count)s) as number,
    lateral (select now() - interval '1 hour' - number * interval '2 seconds' as moment) as at
"""


@dataclass(frozen=True)
class Function:
    """A function: its module, and the folders that it is imported from before all others."""

    module: str
    folders: tuple[Path, ...]


class QueryRig:
    """Calls functions on stores that are filled."""

    def __init__(self, place: Place, folder: Path) -> None:
        self._place = place
        self.ours = Function("lambda_query.handler", (folder,))
        self.powertools = Function("bench.references.powertools.handler", (_powertools(), ROOT))

    async def cold_ms(self, function: Function, target: str) -> float:
        """From the start of a new process to its first answer."""
        begun = time.perf_counter()
        async with self._instance(function, target, 0) as instance:
            await _told(instance)
            return 1000 * (time.perf_counter() - begun)

    async def warm_ms(self, function: Function, target: str, calls: int) -> list[tuple[float, float]]:
        """The milliseconds of each call on a warm instance, and those of them in which a store was waited for."""
        async with self._instance(function, target, calls) as instance:
            await _told(instance)
            profiler.watch(instance.pid)
            return [(whole, waited) for whole, waited in await _told(instance)]

    async def fill(self) -> None:
        """Put the old events into PostgreSQL, and the new ones into both stores."""
        url = postgres.url(self._place.home, self._place.ports)
        await asyncio.to_thread(_execute, url, _FILL, {"count": OLD_EVENTS})
        command = (str(BIN / "python"), "-m", "bench.rigs.query_events", str(NEW_EVENTS))
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=self._services())
        if await process.wait():
            raise BenchError("the stores could not be filled: its output says why")
        await asyncio.to_thread(_execute, url, "vacuum analyze events", {})

    @asynccontextmanager
    async def _instance(
        self, function: Function, target: str, calls: int
    ) -> AsyncGenerator[asyncio.subprocess.Process, None]:
        program = (str(STACK_BIN / "python"), "-P", _RUNTIME)
        process = await asyncio.create_subprocess_exec(
            *(*program, function.module, target, str(calls), *map(str, function.folders)),
            env=self._environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**24,
        )
        cpu.pin(process.pid, self._place.core)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    def _environment(self) -> dict[str, str]:
        own = {
            "QUERY_POSTGRES_URL": postgres.query_url(self._place.home, self._place.ports),
            "QUERY_ACCESS": "open",
            "CURSOR_KEY": self._place.home.secret("cursor-key"),
            "TABLE": "events",
        }
        at_aws = {name: value for name, value in self._services().items() if name.startswith("AWS_")}
        return inherited() | at_aws | {f"MENSAGERIA_{name}": value for name, value in own.items()} | _WITHOUT_BYTE_CODE

    def _services(self) -> dict[str, str]:
        home, ports = self._place.home, self._place.ports
        names = ("TopicArn", "QueueBUrl", "QueueCUrl", "PendingQueueUrl", "DeadLetterBUrl", "DeadLetterCUrl")
        outputs = dict.fromkeys(names, "unused") | {"TableName": "events"}
        parts = (services.service_b(home, ports, outputs), services.service_c(home, ports, outputs))
        return {name: value for part in parts for name, value in part.environment.items()}


_WITHOUT_BYTE_CODE = {"PYTHONDONTWRITEBYTECODE": "1"}
"""An archive that came without it has none at its next start either."""


@asynccontextmanager
async def started() -> AsyncGenerator[QueryRig, None]:
    """A rig whose stores are filled."""
    async with AsyncExitStack() as parts:
        place = parts.enter_context(pinned.place())
        home, ports = place.home, place.ports
        await parts.enter_async_context(running(home, postgres.part(home, ports)))
        table = dynamodb.part(home, ports, aws.endpoint(home, ports.dynamodb), "memory")
        await parts.enter_async_context(running(home, table))
        folder = home.folder("function")
        with zipfile.ZipFile(archive.FILE) as packed:
            packed.extractall(folder)
        rig = QueryRig(place, folder)
        await rig.fill()
        yield rig


async def _told(instance: asyncio.subprocess.Process) -> Any:
    output, complaint = cast(asyncio.StreamReader, instance.stdout), cast(asyncio.StreamReader, instance.stderr)
    try:
        async with asyncio.timeout(_LONGEST_S):
            line = await output.readline()
    except TimeoutError:
        raise DoesNotCount(f"the function did not answer all calls within {_LONGEST_S} s") from None
    if not line:
        raise DoesNotCount(f"the function ended: {(await complaint.read()).decode()[-2000:]}")
    return json.loads(line)


def _execute(url: str, statement: str, values: dict[str, int]) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
    finally:
        connection.close()


def _powertools() -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return ROOT / ".venv-bench-powertools" / "lib" / version / "site-packages"
