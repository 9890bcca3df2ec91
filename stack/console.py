"""Console output while the system runs."""

import sys
import time


def say(text: str) -> None:
    """One line of progress, with the time of day."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def complain(text: str) -> None:
    """The one message that says why the system doesn't run."""
    print(f"\nmensageria: {text}", file=sys.stderr, flush=True)
