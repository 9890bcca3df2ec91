"""Keys of publishers: named keys (pipeline/core/keys.py) in a file that is read again when it changes.

A key is a line; `#` begins a comment. `python -m gateway.keys NAME` makes a key.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from pipeline.core.errors import SettingsError
from pipeline.core.keys import Key, new, owner, parse

CHECK_EVERY_S = 1.0
_Version = tuple[int, int, int, int]
_log = structlog.get_logger(__name__)


class Keys:
    """The keys of a file. A file that can't be read leaves the keys as they were, and the log says so."""

    def __init__(self, path: Path, now: Callable[[], float] = time.monotonic) -> None:
        """Raises SettingsError where the file can't be read or a line of it is wrong."""
        self._path = path
        self._now = now
        self._keys = read(path)
        self._version: _Version | None = None  # the first look reads it again: it may have changed meanwhile
        self._checked_at = now()

    def publisher(self, authorization: str | None) -> str:
        """The name of the key in the header; raises NoKey and KeyRevoked. A new file counts within a second."""
        if self._now() - self._checked_at >= CHECK_EVERY_S:
            self._reload_if_changed()
        return owner(self._keys, authorization, "this gateway")

    def reload(self) -> None:
        """Read the file now."""
        try:
            self._read(_version(self._path))
        except (SettingsError, OSError) as error:
            _log.error("keys not reloaded: the old ones stay", error=str(error))

    def _reload_if_changed(self) -> None:
        self._checked_at = self._now()
        try:
            version = _version(self._path)
            if version != self._version:
                self._read(version)
        except (SettingsError, OSError) as error:
            _log.error("keys not reloaded: the old ones stay", error=str(error))

    def _read(self, version: _Version) -> None:
        # The version counts once the file was read, and is taken before: what fails, or changes meanwhile, is read
        # again a second later.
        self._keys = read(self._path)
        self._version = version
        _log.info("keys reloaded", keys=[key.name for key in self._keys])


def read(path: Path) -> tuple[Key, ...]:
    """The keys in the file `path`. Raises SettingsError, which names the file and the line."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the file of keys {path} can't be read: {error}") from None
    keys = [_key(path, number, line) for number, line in enumerate(lines, start=1) if line.partition("#")[0].strip()]
    if not keys:
        raise SettingsError(f"the file of keys {path} has none: add one with python -m gateway.keys NAME")
    return tuple(keys)


def _key(path: Path, number: int, line: str) -> Key:
    try:
        return parse(line.partition("#")[0])
    except SettingsError as error:
        raise SettingsError(f"{path}, line {number}: {error}") from None


def _version(path: Path) -> _Version:
    """What changes with the file, also where a copy keeps the time of its content (`cp -p`, `rsync -t`)."""
    seen = path.stat()
    return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino


def main() -> None:
    """Print a new key, once, and the line for the file of keys."""
    parser = argparse.ArgumentParser(prog="python -m gateway.keys", description="Makes a key for the gateway.")
    parser.add_argument("name", help="who publishes with it; it travels with every event")
    try:
        key, line = new(parser.parse_args().name)
    except SettingsError as error:
        sys.exit(f"gateway: {error}")
    sys.stderr.write("the key, shown this once; under it the line for the file of keys:\n")
    sys.stdout.write(f"{key}\n{line}\n")


if __name__ == "__main__":
    main()
