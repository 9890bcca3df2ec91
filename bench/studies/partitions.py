"""`python -m bench.studies.partitions [LAYOUT ...]`: what a batch, a page and retention cost as the table grows.

Measured on this machine's PostgreSQL, kept in docs/benchmarks/partitions.json, and written as the table of
docs/decisions/0031-one-table-of-events.md. The server has a core for itself, and what asks it another.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, named so by psycopg2

from bench.errors import DoesNotCount
from bench.measuring import cpu, machine, spread
from bench.measuring.machine import Machine
from bench.rigs import pinned
from bench.rigs.running import running
from bench.studies import layouts
from bench.studies.layouts import LAYOUTS, Layout
from lambda_query.postgres import Postgres
from lambda_query.question import POSTGRES, Position, Question
from pipeline.core.clock import now, rfc3339
from stack import postgres
from stack.home import ROOT

PAGE = ROOT / "docs" / "decisions" / "0031-one-table-of-events.md"
KEPT = ROOT / "docs" / "benchmarks" / "partitions.json"
BEGIN, END = "<!-- python -m bench.studies.partitions -->", "<!-- end -->"
AS_IT_IS = "one table"
"""The layout that the migrations make."""
SIZES = (0, 1_000_000, 3_000_000)
_BATCH_ROWS, _WARM_UP, _BATCHES, _REPEATS = 500, 5, 25, 3
_PAGES, _REMOVED_ROWS, _REMOVALS = 50, 500, 20


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A layout with so many rows in it; what an empty table can't tell is None."""

    layout: str
    rows: int
    inserted_per_s: list[float]
    insert_us: list[float]
    """The server's CPU a row, which a busy machine changes little, unlike the rows a second."""
    page_ms: float | None = None
    remove_us: float | None = None


class Partitions(msgspec.Struct, frozen=True, kw_only=True):
    """All that was measured, and where."""

    began_at: str
    machine: Machine
    measured: list[Measured]


def kept(file: Path = KEPT) -> Partitions | None:
    """What was measured last."""
    return msgspec.json.decode(file.read_bytes(), type=Partitions) if file.exists() else None


async def measure(name: str, sizes: Sequence[int] = SIZES) -> list[Measured]:
    """The layout `name` at each size, on a server of its own."""
    with pinned.place() as place:
        async with running(place.home, postgres.part(place.home, place.ports)):
            os.sched_setaffinity(0, place.core)
            reader = Postgres(postgres.query_url(place.home, place.ports), timeout_s=60)
            with layouts.connected(postgres.url(place.home, place.ports)) as connection:
                found = await asyncio.to_thread(lambda: list(_growing(name, sizes, connection, reader)))
            reader.close()
            return found


def _growing(name: str, sizes: Sequence[int], connection: Connection, reader: Postgres) -> Iterator[Measured]:
    layout, before = LAYOUTS[name], 0
    indexes = layout.make(connection)
    for size in sizes:
        layout.fill(connection, before + 1, size, indexes)
        before = size
        rates, costs = zip(*(_inserted(layout, connection) for _ in range(_REPEATS)), strict=True)
        found = Measured(layout=name, rows=size, inserted_per_s=list(rates), insert_us=list(costs))
        if size:
            found = replace(found, page_ms=_page_ms(reader), remove_us=_remove_us(layout, connection))
        yield found


def _inserted(layout: Layout, connection: Connection) -> tuple[float, float]:
    """Rows a second, and the server's CPU a row in microseconds."""
    _insert(layout, connection, [_batch() for _ in range(_WARM_UP)])
    batches = [_batch() for _ in range(_BATCHES)]
    begun, used = time.perf_counter(), cpu.seconds(connection.get_backend_pid())
    _insert(layout, connection, batches)
    rows = _BATCHES * _BATCH_ROWS
    return rows / (time.perf_counter() - begun), 1e6 * (cpu.seconds(connection.get_backend_pid()) - used) / rows


def _insert(layout: Layout, connection: Connection, batches: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("set synchronous_commit = on")
        for batch in batches:
            cursor.execute(layout.insert, {"rows": batch})
            if cursor.rowcount != _BATCH_ROWS:
                raise DoesNotCount(f"{cursor.rowcount} rows of a batch were new")


def _batch() -> str:
    """The parameter of a statement, as service B makes it, of events that came just now."""
    moment = rfc3339(now())
    return json.dumps([_row(os.urandom(16).hex(), moment) for _ in range(_BATCH_ROWS)])


def _row(id_: str, moment: str) -> dict[str, object]:
    head = {
        "source": "https://shop.example/orders",
        "id": id_,
        "type": "example.shop.order.v1",
        "subject": f"orders/{int(id_[:4], 16) % 10_000}",
        "time": moment,
    }
    event = {"specversion": "1.0", **head, "data": {"order": 1, "note": "n" * 250}}
    origin = {"queue": "events-b", "message_id": id_}
    return {**head, "received_at": moment, "origin": origin, "content_hash": 2 * id_, "event": event}


def _page_ms(reader: Postgres) -> float:
    """The newest fifty, as the query reads them: the quickest of many, which waited for nobody."""
    question = Question(
        stores=(POSTGRES,), low=None, high=Position(rfc3339(now())), descending=True, scope="", limit=50
    )
    times = []
    for _ in range(_PAGES):
        begun = time.perf_counter()
        reader.page(question)
        times.append(1000 * (time.perf_counter() - begun))
    return min(times)


def _remove_us(layout: Layout, connection: Connection) -> float:
    """The server's CPU for a row that retention takes away."""
    used = cpu.seconds(connection.get_backend_pid())
    removed = sum(layout.remove(connection, _REMOVED_ROWS) for _ in range(1 if layout.identities else _REMOVALS))
    return 1e6 * (cpu.seconds(connection.get_backend_pid()) - used) / removed


def table(found: Partitions) -> str:
    """What was measured, in Markdown."""
    lines = [
        "| layout | rows before | insert, CPU µs/row | inserted, rows/s | a page, ms | remove, CPU µs/row |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for each in found.measured:
        rate, cost = spread.of(each.inserted_per_s), spread.of(each.insert_us)
        page = f"{each.page_ms:.1f}" if each.page_ms else "-"
        removed = f"{each.remove_us:.0f}" if each.remove_us else "-"
        insert = f"{cost.median:.0f} ({cost.least:.0f} to {cost.greatest:.0f})"
        inserted = f"{rate.median:,.0f} ({rate.least:,.0f} to {rate.greatest:,.0f})"
        lines.append(f"| {each.layout} | {each.rows:,} | {insert} | {inserted} | {page} | {removed} |")
    made = found.machine
    where = f"{found.began_at[:10]}, {made.cores} cores of {made.cpu}, PostgreSQL {made.servers['PostgreSQL']}."
    return "\n".join([*lines, "", where])


def written(page: str, found: Partitions) -> str:
    """The `page` with the table between its marks."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table(found)}\n\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Measure the layouts that are named, or all, and write what is known of all."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.studies.partitions", description="Measures layouts of the table."
    )
    parser.add_argument("layouts", nargs="*", metavar="LAYOUT", help=f"of {', '.join(LAYOUTS)}; default: all")
    chosen = parser.parse_args().layouts or list(LAYOUTS)
    if unknown := sorted(set(chosen) - set(LAYOUTS)):
        parser.error(f"{', '.join(unknown)}: no layout")
    began_at, new = rfc3339(now()), []
    for name in chosen:
        new += asyncio.run(measure(name))
    last = kept()
    others = [each for each in last.measured if each.layout not in chosen] if last else []
    by_layout = sorted([*others, *new], key=lambda each: list(LAYOUTS).index(each.layout))
    found = Partitions(began_at=began_at, machine=machine.this(), measured=by_layout)
    KEPT.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    PAGE.write_text(written(PAGE.read_text(), found))
    sys.stdout.write(table(found) + "\n")


if __name__ == "__main__":
    main()
