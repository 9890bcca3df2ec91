"""A home and ports for one rig, and a core for what it measures."""

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measuring import cpu
from pipeline.core.settings.stack import StackSettings
from stack import ports
from stack.home import Home
from stack.ports import Ports


@dataclass(frozen=True)
class Place:
    """Where a rig's parts run: what is measured alone on `core`, all else on the others."""

    home: Home
    ports: Ports
    core: set[int]


@contextmanager
def place() -> Generator[Place, None, None]:
    """A place that is gone afterwards. What is started within runs on the other cores, until it is pinned."""
    all_cores = os.sched_getaffinity(0)
    core, others = cpu.split_cores()
    os.sched_setaffinity(0, others)  # inherited by all that is started from here
    try:
        with folder() as home:
            yield Place(home, ports.choose(StackSettings(ports="free")), core)
    finally:
        os.sched_setaffinity(0, all_cores)


@contextmanager
def folder() -> Generator[Home, None, None]:
    """A home that is gone afterwards; PostgreSQL's unprivileged user may pass through it."""
    with tempfile.TemporaryDirectory(prefix="mensageria-bench-") as path:
        Path(path).chmod(0o711)
        yield Home(Path(path))
