"""One load from the first connection to the last answer."""

import asyncio
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass

from bench import events
from bench.load.connection import Connection
from bench.load.pace import ClosedLoop, OpenLoop
from bench.load.plan import Outcome, Plan
from bench.load.tally import Tally
from bench.measuring import cpu, spread

_PERCENTS = {"p50_ms": 50, "p99_ms": 99, "p999_ms": 99.9, "longest_ms": 100}
_DRAIN_S = 20.0
_POLL_S = 0.02


@dataclass(frozen=True)
class _Mark:
    """What was counted up to one moment."""

    at: float
    accepted: int
    cpu_s: dict[str, float]
    waited_s: dict[str, float]

    def since(self, earlier: "_Mark") -> "_Mark":
        """What was counted between the two."""
        return _Mark(
            self.at - earlier.at,
            self.accepted - earlier.accepted,
            {name: seconds - earlier.cpu_s[name] for name, seconds in self.cpu_s.items()},
            {name: seconds - earlier.waited_s[name] for name, seconds in self.waited_s.items()},
        )


class Generator:
    """Carries out one plan."""

    def __init__(self, plan: Plan) -> None:
        requests = events.requests(plan.host, plan.port, plan.repeat_every)
        self._plan = plan
        self._pace = OpenLoop(requests, plan.rate_per_s) if plan.rate_per_s else ClosedLoop(requests)
        self._tally = Tally()
        self._connections: list[Connection] = []
        self._connecting = asyncio.TaskGroup()
        self._unanswered = 0
        self._is_done = False
        self._began_at = 0.0

    async def run(self) -> Outcome:
        """The load; raises OSError (in an exception group) where the server can't be reached."""
        self._began_at = time.time()
        async with self._connecting:
            for _ in range(self._plan.connections):
                connection = Connection(self._ready, self._tally.answered, self._lost)
                self._connections.append(connection)
                self._connect(connection)
            await asyncio.sleep(self._plan.warm_up_s)
            self._tally.begin()
            before = self._mark()
            await asyncio.sleep(self._plan.measure_s)
            after = self._mark()
            self._tally.end()
            self._pace.end()
            await self._drain()
            self._close()
        return self._outcome(after.since(before))

    def _connect(self, connection: Connection) -> None:
        connecting = asyncio.get_running_loop().create_connection(lambda: connection, self._plan.host, self._plan.port)
        self._connecting.create_task(connecting)

    def _ready(self, connection: Connection) -> None:
        if self._is_done:
            connection.close()  # it was on its way when the load ended
        else:
            self._pace.ready(connection)

    def _lost(self, connection: Connection) -> None:
        self._pace.lost(connection)
        if not self._is_done:
            self._unanswered += connection.is_waiting
            self._connect(connection)

    def _close(self) -> None:
        self._is_done = True
        for connection in self._connections:
            self._unanswered += connection.is_waiting
            connection.close()

    async def _drain(self) -> None:
        """Wait for what is late to be sent, and for the answers that are missing, for a while."""
        deadline = time.perf_counter() + _DRAIN_S
        while self._is_under_way() and time.perf_counter() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)  # an event for each answer would cost the load itself

    def _is_under_way(self) -> bool:
        return self._pace.is_behind or any(each.is_waiting for each in self._connections)

    def _mark(self) -> _Mark:
        watched = {**self._plan.watched, "load": os.getpid()}
        cpu_s = {name: cpu.seconds(pid) for name, pid in watched.items()}
        waited_s = {name: cpu.waited_seconds(pid) for name, pid in watched.items()}
        return _Mark(time.perf_counter(), self._tally.accepted, cpu_s, waited_s)

    def _outcome(self, measured: _Mark) -> Outcome:
        return Outcome(
            began_at=self._began_at,
            sent=self._pace.sent,
            accepted=self._tally.accepted,
            refused=dict(self._tally.refused),
            unanswered=self._unanswered,
            events=measured.accepted,
            seconds=measured.at,
            cpu_s=measured.cpu_s,
            waited_s=measured.waited_s,
            latency_ms=_summary(self._tally.latencies_s),
        )


def _summary(latencies_s: Iterable[float]) -> dict[str, float]:
    ordered = sorted(latencies_s)
    if not ordered:
        return {}
    return {name: 1000 * spread.percentile(ordered, percent) for name, percent in _PERCENTS.items()}
