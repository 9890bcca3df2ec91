"""Servers that a test starts for itself: each is waited for in the same way."""

import subprocess
import time
from pathlib import Path

import httpx

_START_S = 30


def wait_until_ready(client: httpx.Client, page: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until `process` answers `page`; fails with its log where it ends before, or takes too long."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        try:
            if client.get(page).is_success:
                return
            process.wait(0.1)
            break  # it has ended
        except (httpx.TransportError, subprocess.TimeoutExpired):
            continue
    raise AssertionError(f"it is not ready: {log.read_text()}")
