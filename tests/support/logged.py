"""All that was logged in a test run, and what must never be in it: bodies, keys and secrets."""

import re
import tempfile
from pathlib import Path

BODY = "a body that no log may have 7f3a"
"""In the events of tests that try what is logged of them."""
_NEVER = (
    re.compile(re.escape(BODY).encode()),
    re.compile(rb"specversion"),  # of every event in structured JSON
    re.compile(rb"mens_[A-Za-z0-9_-]{43}"),  # every key
    re.compile(rb"AWS4-HMAC-SHA256"),  # of every request to AWS that is signed
)
_own = tempfile.TemporaryDirectory(prefix="mensageria-logged-")
_folders: set[Path] = set()


def home() -> Path:
    """A new folder for what a process logs into its `output`; it is gone after the run."""
    made = Path(tempfile.mkdtemp(dir=_own.name))
    watch(made)
    return made


def watch(home: Path) -> None:
    """What is logged in `home`, in its `logs` and its `output`, is looked at in the end."""
    _folders.add(home)


def leaks() -> list[str]:
    """Each line that has what it must not have, with its file."""
    return [leak for home in sorted(_folders) for leak in _leaks(home)]


def _leaks(home: Path) -> list[str]:
    secrets = [re.compile(re.escape(file.read_bytes())) for file in home.glob("secrets/*") if file.stat().st_size]
    return [
        f"{log}: {line[:500]!r}"
        for log in (*home.glob("logs/*"), *home.glob("output"))
        for line in log.read_bytes().splitlines()
        if any(never.search(line) for never in (*_NEVER, *secrets))
    ]
