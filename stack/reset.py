"""`make reset`: forget all local data."""

import shutil

from stack.home import Home


def ask(home: Home) -> int:
    """Ask, then remove the home; the exit code. Raises StackError where a system runs on it."""
    if not home.path.exists():
        print(f"{home.path} doesn't exist: there is nothing to forget")
        return 0
    with home.held():
        answer = input(f"Remove {home.path} with all events, queues and logs in it? Type yes: ")
        if answer.strip().lower() != "yes":
            print("Nothing was removed.")
            return 1
        shutil.rmtree(home.path)
    print("Removed.")
    return 0
