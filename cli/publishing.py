"""Publishing many events, some at once."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import msgspec
import typer

from cli.edges import Edges
from operations.http_api import Refused
from operations.in_order import InOrder, keys_of

_AT_ONCE = 32
_READ_AHEAD = 4 * _AT_ONCE
"""Lines that are read and not published yet: those of one key wait for one another."""


@dataclass(frozen=True)
class Outcome:
    """What became of one line, counted from 1: a receipt or a fault."""

    line: int
    receipt: dict[str, Any] | None = None
    fault: str | None = None

    def shown(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {"line": self.line, "receipt": self.receipt, "fault": self.fault}


def simple(members: dict[str, str | None], data: str) -> bytes:
    """The simple form of `members`, those that are None left out, and `data`, a JSON text.

    Raises typer.BadParameter where `data` isn't JSON.
    """
    try:
        msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise typer.BadParameter(f"--data is not JSON ({error}): a text needs its own quotation marks") from error
    there = {name: value for name, value in members.items() if value is not None}
    return msgspec.json.encode(there | {"data": msgspec.Raw(data.encode())})


async def publish_lines(edges: Edges, file: Path) -> AsyncIterator[Outcome]:
    """Publish each line of `file` (- is the standard input) that isn't empty; the outcomes as they come.

    Lines of one `partitionkey` or id are published in their order, the others side by side. What the gateway
    refuses does not stop the others. Raises EdgeUnavailable.
    """
    with _opened(file) as opened:
        in_order = InOrder[Outcome](_AT_ONCE)
        waiting: set[asyncio.Task[Outcome]] = set()
        try:
            async for number, line in _numbered(opened):
                waiting.add(in_order.start(keys_of(line), partial(_publish, edges, number, line)))
                if len(waiting) >= _READ_AHEAD:
                    done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        yield task.result()
            for outcome in await asyncio.gather(*waiting):
                yield outcome
        finally:
            for task in waiting:
                task.cancel()


async def _publish(edges: Edges, number: int, line: bytes) -> Outcome:
    try:
        return Outcome(number, receipt=await edges.publish(line))
    except Refused as error:
        return Outcome(number, fault=str(error))


async def _numbered(lines: Iterable[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    remaining = enumerate(lines, 1)
    # In a thread: a pipe may be slow, and the requests under way go on.
    while (following := await asyncio.to_thread(next, remaining, None)) is not None:
        number, line = following
        if line.strip():
            yield number, line


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from error
    with opened:
        yield opened
