"""What the tests of containers keep between runs: a debootstrap's tar, the engine's images, Compose.

`~/.cache/mensageria-containers`, some 3 GB. It can be removed at any time.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def folder(name: str = "") -> Path:
    """The folder `name` of the cache."""
    found = Path.home() / ".cache" / "mensageria-containers" / name
    found.mkdir(parents=True, exist_ok=True)
    return found


@contextmanager
def locked() -> Iterator[None]:
    """For one run at a time."""
    with (folder() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
