"""Output of a command: tables for people, one JSON object a line for programs; the rest to stderr."""

import codecs
import io
import re
import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]

_ESCAPING = "mensageria.escaping"
_TABLE_ROWS = 200
_PIPE_WIDTH = 240
"""Where nobody says how wide it is, nothing is to be cut."""
_TERMINAL = r"\x7f-\x9f"
"""DEL and the 8-bit controls: a terminal may take U+009B for the beginning of a command."""
_BIDI = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""What changes the direction of the text around it, and so what a line seems to say."""
_CONTROL = re.compile(rf"[\x00-\x08\x0b-\x1f{_TERMINAL}{_BIDI}]")
_UNSAFE_IN_JSON = re.compile(f"[{_TERMINAL}{_BIDI}]")
_DOTS = "\N{BRAILLE PATTERN DOTS-124}"
T = TypeVar("T")


def write_anywhere() -> None:
    """Let stdout and stderr take all text: what their encoding lacks is written as an escape of JSON.

    So `--json` stays JSON on a terminal or a pipe that isn't UTF-8, and no character ends a command.
    """
    codecs.register_error(_ESCAPING, _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ESCAPING)


def can_write(text: str) -> bool:
    """Whether stdout's encoding has all characters of `text`."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in zip(lacking[::2], lacking[1::2], strict=True)), error.end


def complain(text: str) -> None:
    """Say `text` on stderr."""
    sys.stderr.write(f"mensageria: {plain(text)}\n")


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(plain(text) + "\n")


def write_json(value: Any) -> None:
    """Write `value` as JSON, one line."""
    # Formatted as text: a msgspec.Raw in it may have line ends, and its numbers stay as they are.
    sys.stdout.write(inert(msgspec.json.format(msgspec.json.encode(value), indent=-1).decode()) + "\n")
    sys.stdout.flush()


def inert(document: str) -> str:
    """The JSON text `document` with escapes for what a terminal would obey: it says the same.

    JSON lets such characters stand in strings alone.
    """
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def plain(text: str) -> str:
    """`text` without what a terminal would take for a command: events come from strangers."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def write_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain("" if cell is None else str(cell))) for cell in row))
    Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(table)


async def write_each(
    things: AsyncGenerator[T, None], columns: Sequence[str], shown: Callable[[T], dict[str, Any]], *, as_json: bool
) -> int:
    """Write each of `things`, as JSON or in tables of some rows; how many there were."""
    written = 0
    rows: list[list[Any]] = []
    async with aclosing(things):
        async for thing in things:
            written += 1
            if as_json:
                write_json(shown(thing))
                continue
            rows.append([_cell(shown(thing)[column]) for column in columns])
            if len(rows) == _TABLE_ROWS:
                write_table(columns, rows)
                rows = []
    if rows:
        write_table(columns, rows)
    return written


@contextmanager
def progress(doing: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar on stderr where that is a terminal; call what it gives with the number done so far."""
    console = Console(stderr=True)
    spinner = SpinnerColumn("dots" if can_write(_DOTS) else "line")
    parts = (spinner, TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*parts, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda done: bar.update(task, completed=done)


def _cell(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
