"""DynamoDB Local, with the table that the template defines."""

from typing import Literal

from infra import table
from pipeline.aws import Endpoint
from pipeline.settings import inherited
from stack.home import JARS, Home
from stack.java import java
from stack.part import Part
from stack.ports import Ports
from stack.probes import listens

_MAIN_CLASS = "LoopbackServer"  # stack/LoopbackServer.java, around Amazon's own main class


def part(home: Home, ports: Ports, endpoint: Endpoint, kept: Literal["disk", "memory"]) -> Part:
    """The server, its table on disk (it outlives a kill) or in memory (faster)."""
    place = ("-inMemory",) if kept == "memory" else ("-dbPath", str(home.folder("dynamodb")))
    # SQLite's native library is installed beside the jars.
    command = java("dynamodb", _MAIN_CLASS, "-Xmx512m", f"-Djava.library.path={JARS / 'dynamodb'}")

    async def lay_out() -> None:
        await table.make(endpoint)

    return Part(
        name="dynamodb",
        command=(*command, "-sharedDb", "-disableTelemetry", "-port", str(ports.dynamodb), *place),
        environment=inherited(),
        probe=listens(ports.dynamodb),
        lay_out=lay_out,
        notice="what it held in memory is gone" if kept == "memory" else "",
    )
