"""The real system in a home of its own, as a test starts and stops it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.process import ending_with_parent
from tests.support import logged

ROOT = Path(__file__).resolve().parents[2]
START_S = 120
STOP_S = 40
QUICK = {
    "WORKER_VISIBILITY_TIMEOUT_S": "6",
    "WORKER_POLL_S": "1",
    "WORKER_STORE_TIMEOUT_S": "8",
    "WEB_BACKLOG_EVERY_S": "5",
    "WEB_WATCH_EVERY_S": "1",
}
"""What tests wait for: a killed worker's messages, a stop, a store that hangs, the state on /pipeline.

The state is taken every second while somebody looks, and seldom otherwise: that costs all parts, for the whole run.
"""


@dataclass(frozen=True)
class System:
    """A system that runs: its process, its home, and what it says."""

    process: "subprocess.Popen[bytes]"
    home: Path

    @property
    def endpoints(self) -> dict[str, Any]:
        """The addresses, by the names of endpoints.json."""
        return dict(json.loads((self.home / "endpoints.json").read_text()))

    def pid(self, part: str) -> int:
        """The main process of `part` now."""
        return int((self.home / "run" / f"{part}.pid").read_text())

    @property
    def output(self) -> str:
        """What it has printed."""
        return (self.home / "output").read_text()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Stop it with a signal; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_S)


def launch(home: Path, *, traces_to: str | None = "", **settings: str) -> System:
    """Begin to start a system on `home`, with free ports and a table in memory unless `settings` say otherwise.

    `traces_to` is where its traces go; "" is nowhere, None where the system itself sends them.
    """
    home.mkdir(parents=True, exist_ok=True)
    logged.watch(home)
    (home / "endpoints.json").unlink(missing_ok=True)  # what a system that was killed had left
    own = {"HOME": str(home), "PORTS": "free", "DYNAMODB": "memory"} | QUICK | settings
    with (home / "output").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "stack", "run"],
            cwd=ROOT,
            env=os.environ  # noqa: TID251 - what a shell gives it
            | {f"MENSAGERIA_{name}": value for name, value in own.items()}
            | ({} if traces_to is None else {"OTEL_EXPORTER_OTLP_ENDPOINT": traces_to}),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=ending_with_parent(signal.SIGTERM),
        )
    return System(process, home)


def wait_until_ready(system: System) -> float:
    """Wait until all is ready; the seconds since the call."""
    begun = time.monotonic()
    while not (system.home / "endpoints.json").exists():
        try:
            code = system.process.wait(0.1)
        except subprocess.TimeoutExpired:
            if time.monotonic() - begun < START_S:
                continue
            system.stop(signal.SIGTERM)
            code = None
        raise AssertionError(f"the system isn't ready (exit code {code}):\n{system.output}")
    return time.monotonic() - begun


@contextmanager
def running(home: Path, *, traces_to: str | None = "", **settings: str) -> Iterator[System]:
    """A system that is ready; it is stopped at the block's end, unless the block did so."""
    system = launch(home, traces_to=traces_to, **settings)
    try:
        wait_until_ready(system)
        yield system
    finally:
        if system.process.poll() is None:
            system.stop()
