"""The stand-in for Lambda's runtime calls a function, and tells its own time from the stores'."""

import json
import subprocess
import sys
from pathlib import Path

from bench.rigs import lambda_runtime

FUNCTION = """
import socket, threading, time
def handle(event, context):
    one, other = socket.socketpair()
    with one, other:
        threading.Timer(0.05, other.send, (b"x",)).start()
        one.recv_into(bytearray(1))
    time.sleep(0.02)
    return {"statusCode": 200 if event["rawQueryString"] == "limit=1" else 404, "body": ""}
"""


def run(folder: Path, target: str, calls: int) -> subprocess.CompletedProcess[str]:
    (folder / "trial_function.py").write_text(FUNCTION)
    command = [sys.executable, "-P", lambda_runtime.__file__, "trial_function", target, str(calls), str(folder)]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_call_is_timed_with_its_wait(tmp_path: Path) -> None:
    ready, calls = run(tmp_path, "/events?limit=1", 3).stdout.splitlines()
    assert json.loads(ready) == "ready"
    for whole_ms, waited_ms in json.loads(calls):
        assert 40 < waited_ms < whole_ms - 15


def test_an_answer_that_is_none_ends_it(tmp_path: Path) -> None:
    ended = run(tmp_path, "/events", 0)
    assert ended.returncode == 1
    assert "404" in ended.stderr


def test_waits_that_overlap_count_once() -> None:
    waits = lambda_runtime.Waits.__new__(lambda_runtime.Waits)
    waits._spans = [(1.0, 2.0), (1.5, 3.0), (1.6, 1.7), (5.0, 5.5)]
    assert waits.take_seconds() == 2.5
    assert waits.take_seconds() == 0
