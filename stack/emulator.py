"""The AWS emulator, ministack: on uvicorn, behind the guard. It runs in the servers' own environment.

    .venv-stack/bin/python -m stack.emulator --port 4566

uvicorn with httptools takes two thirds of the CPU of ministack's own server. docs/decisions/0037 says more.
"""

import argparse
import gc
import importlib.metadata
import logging
import resource
import signal
import socket
import sys
from pathlib import Path

import ministack.app
import ministack.services.sns
import ministack.services.sqs
import uvicorn

from stack import sqs_index
from stack.forms import Forms
from stack.guard import Guard
from stack.one_write import OneWrite

MADE_FOR = "1.5.33"
"""The version of ministack whose insides these modules know."""
_GRACE_S = 3
"""A long poll that is open does not hold up the stop, in which the queues are saved."""
_KEEP_ALIVE_S = 75
_YOUNG_OBJECTS = 50_000
"""Allocations between two garbage collections: reference counts free what a message leaves, and a full collection
looks at every message that waits."""


def main() -> None:
    """Serve until SIGTERM or SIGINT, then save the state and end with 0."""
    options = _parser().parse_args()
    if (version := importlib.metadata.version("ministack")) != MADE_FOR:
        sys.exit(f"emulator: made for ministack {MADE_FOR}, and {version} is installed: see stack/emulator.py")
    if not options.unchanged:
        _adapt()
    _raise_file_limit()
    guard = Guard(
        ministack.app.app,
        names=options.name,
        web_origin=options.web_origin,
        query_port=options.query_port,
        access_key=options.access_key_file.read_text() if options.access_key_file else "",
    )
    config = uvicorn.Config(
        guard,
        http=OneWrite,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,  # ministack sends its own
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # uvicorn raises the signal again once it has stopped: the process ends in order, with 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ports = [options.port] if options.query_port is None else [options.port, options.query_port]
    uvicorn.Server(config).run(sockets=[_listening(options.host, port) for port in ports])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stack.emulator", description="The AWS emulator behind its guard.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--query-port", type=int, help="a port that has the query alone")
    parser.add_argument("--name", action="append", default=[], help="a name of this server besides localhost")
    parser.add_argument("--web-origin", default="", help="whose pages may ask the query")
    parser.add_argument("--access-key-file", type=Path, help="a file with the access key that requests must have")
    parser.add_argument("--unchanged", action="store_true", help="ministack's own queues: what ours are compared with")
    return parser


def _adapt() -> None:
    """Replace what costs most in ministack. A name that is gone ends the process: an update is to be looked at."""
    app, sns, sqs = ministack.app, ministack.services.sns, ministack.services.sqs
    needed = [(sqs, name) for name in (*sqs_index.REPLACED, *sqs_index.USED)] + [(app, "parse_qs"), (sns, "parse_qs")]
    if missing := [f"{module.__name__}.{name}" for module, name in needed if not hasattr(module, name)]:
        sys.exit(f"emulator: ministack {MADE_FOR} has no {', '.join(missing)}: see stack/emulator.py")
    sqs_index.IndexedQueues(sqs).install()
    app.parse_qs = sns.parse_qs = Forms().parse


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        sys.exit(f"emulator: {host}:{port}: {error.strerror}")


def _raise_file_limit() -> None:
    """Each call of a function under way has pipes of its own."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
