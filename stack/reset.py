"""`make reset`: forget all local data."""

import shutil
import sys

from stack.errors import StackError
from stack.home import Home


def ask(home: Home) -> int:
    """Ask, then remove the home; the exit code.

    Raises StackError where a system runs on it, or where it is a folder that no system has run on.
    """
    if not home.path.exists():
        print(f"{home.path} doesn't exist: there is nothing to forget")
        return 0
    if not (home.path / "run" / "lock").exists():
        raise StackError(f"no system has run on {home.path}: it is left as it is")
    with home.held():
        print(f"Remove {home.path} with all events, queues and logs in it? Type yes: ", end="", flush=True)
        if sys.stdin.readline().strip().lower() != "yes":
            print("Nothing was removed.")
            return 1
        shutil.rmtree(home.path)
    print("Removed.")
    return 0
