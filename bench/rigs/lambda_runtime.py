"""`python -P lambda_runtime.py MODULE TARGET CALLS FOLDER...`: calls a function as Lambda's runtime does.

MODULE is imported from the FOLDERs, before all else, and its `handle` is called with a GET of
TARGET. A line tells that the first answer is there. Then CALLS more are made, and a line has
the milliseconds of each, and those of them in which a socket was waited for: the stores' own.
Only the standard library is imported here: it would count as the function's.
"""

import importlib
import json
import socket
import sys
import time
from types import SimpleNamespace
from typing import Any

_MOST_WARM_UP_CALLS = 20


class Waits:
    """The moments in which any thread waited for bytes of a socket."""

    def __init__(self) -> None:
        self._spans: list[tuple[float, float]] = []
        receive_into = socket.socket.recv_into

        def timed(self_: socket.socket, *arguments: Any) -> int:
            begun = time.perf_counter()
            try:
                return receive_into(self_, *arguments)
            finally:
                self._spans.append((begun, time.perf_counter()))

        socket.socket.recv_into = timed  # type: ignore[assignment,method-assign]

    def take_seconds(self) -> float:
        """How long at least one thread waited since the last call: overlaps count once."""
        spans, self._spans = sorted(self._spans), []
        total, until = 0.0, 0.0
        for begun, ended in spans:
            total += max(0.0, ended - max(begun, until))
            until = max(until, ended)
        return total


def main() -> None:
    """One instance of the function."""
    module, target, calls, *folders = sys.argv[1:]
    sys.path[:0] = folders
    handle = importlib.import_module(module).handle
    _call(handle, target)
    _tell("ready")
    for _ in range(min(_MOST_WARM_UP_CALLS, int(calls))):
        _call(handle, target)
    waits = Waits()
    _tell([_timed(handle, target, waits) for _ in range(int(calls))])


def _timed(handle: Any, target: str, waits: Waits) -> tuple[float, float]:
    begun = time.perf_counter()
    _call(handle, target)
    return 1000 * (time.perf_counter() - begun), 1000 * waits.take_seconds()


def _call(handle: Any, target: str) -> None:
    path, _, query = target.partition("?")
    http = {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "bench"}
    event = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "queryStringParameters": dict(pair.split("=") for pair in query.split("&")) if query else {},
        "headers": {"host": "query.example"},
        "requestContext": {"http": http, "stage": "$default", "requestId": "bench"},
        "isBase64Encoded": False,
    }
    context = SimpleNamespace(
        function_name="query", memory_limit_in_mb=512, invoked_function_arn="arn:query", aws_request_id="bench"
    )
    answer = handle(event, context)
    if answer["statusCode"] != 200:
        raise SystemExit(f"{target}: {answer['statusCode']} {answer['body']}")


def _tell(what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
