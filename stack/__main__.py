"""The commands behind `make run`, `make logs` and `make reset`: `python -m stack run|logs|reset`."""

import argparse
import asyncio
import sys

from pipeline.errors import MensageriaError
from pipeline.settings import StackSettings, read
from stack import reset
from stack.console import complain
from stack.home import Home
from stack.logs import follow
from stack.run import run


def main() -> int:
    """Carry out the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m stack", description=__doc__)
    parser.add_argument("command", choices=("run", "logs", "reset"))
    command = parser.parse_args().command
    try:
        settings = read(StackSettings)
        home = Home(settings.home.resolve())
        if command == "run":
            return asyncio.run(run(settings, home))
        if command == "logs":
            return asyncio.run(follow(home))
        return reset.ask(home)
    except MensageriaError as error:
        complain(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
