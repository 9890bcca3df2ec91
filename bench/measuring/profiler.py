"""A flame graph of what a workload measures, where one is asked for: py-spy samples the process 200 times a second."""

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from stack.home import ROOT

_SAMPLES_PER_S = "200"
_END_S = 30


class _Profile:
    """Where the flame graph goes, and the samplers that were started."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.samplers: list[subprocess.Popen[bytes]] = []


_profile: ContextVar[_Profile | None] = ContextVar("profile", default=None)


@contextmanager
def writing(file: Path) -> Generator[None, None, None]:
    """Within the block, what is measured is sampled, and `file` is its flame graph (SVG); the last one stays."""
    profile = _Profile(file)
    token = _profile.set(profile)
    try:
        yield
    finally:
        _profile.reset(token)
        for sampler in profile.samplers:
            sampler.wait(_END_S)  # it writes its file when what it samples has ended


def watch(pid: int) -> None:
    """The process `pid` is what is measured now."""
    if profile := _profile.get():
        # Paths from the checkout on: py-spy writes its command into the file.
        output = os.path.relpath(profile.file, ROOT)
        options = ("--nonblocking", "--function", "--rate", _SAMPLES_PER_S, "--output", output)
        command = (".venv/bin/py-spy", "record", "--pid", str(pid), *options)
        silent = subprocess.DEVNULL
        profile.samplers.append(subprocess.Popen(command, cwd=ROOT, stdout=silent, stderr=silent))
