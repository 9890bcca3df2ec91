"""The commands behind `make run`, `make logs` and `make reset`: `python -m stack run|logs|reset`."""

import argparse
import asyncio
import os
import sys

from pipeline.core.errors import MensageriaError
from pipeline.core.settings import read
from pipeline.core.settings.stack import StackSettings
from stack import reset
from stack.console import complain
from stack.home import Home
from stack.log_lines import LEVELS
from stack.logs import follow
from stack.run import run


def main() -> int:
    """Carry out the command; the exit code."""
    arguments = _arguments()
    try:
        settings = read(StackSettings)
        home = Home(settings.home.resolve())
        if arguments.command == "run":
            os.umask(0o077)  # for all that it starts
            return asyncio.run(run(settings, home))
        if arguments.command == "logs":
            return asyncio.run(follow(home, arguments.id, arguments.level))
        return reset.ask(home)
    except MensageriaError as error:
        complain(str(error))
        return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="the whole system on this machine, until Ctrl-C")
    logs = commands.add_parser("logs", help="follow all logs", description="Follows all logs, until Ctrl-C.")
    logs.add_argument("--id", default="", help="only lines about the event, or the trace, with this id")
    logs.add_argument("--level", choices=LEVELS, default="debug", help="only lines as severe as this, or more")
    commands.add_parser("reset", help="forget all local data (asks first)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
