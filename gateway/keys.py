"""Who may publish: named keys, kept as hashes in a file that is read again when it changes.

A line is `NAME SHA256`, or `NAME SHA256 revoked`; `#` begins a comment. A key is 256 random
bits, so a plain SHA-256 keeps it: there is nothing to guess that a slow hash would protect.
`python -m gateway.keys NAME` makes a key.
"""

import argparse
import hashlib
import hmac
import re
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import structlog

from pipeline.errors import KeyRevoked, NoKey, SettingsError

CHECK_EVERY_S = 1.0
_PREFIX = "mens_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_HASH = re.compile(r"[0-9a-f]{64}\Z")
_HOW = "send `Authorization: Bearer KEY` with a key of this gateway"
_log = structlog.get_logger(__name__)


class Key(NamedTuple):
    """A key's name, the SHA-256 of the key, and whether it was taken back."""

    name: str
    digest: bytes
    is_revoked: bool


class Keys:
    """The keys of a file. A file that can't be read leaves the keys as they were, and the log says so."""

    def __init__(self, path: Path, now: Callable[[], float] = time.monotonic) -> None:
        """Raises SettingsError where the file can't be read or a line of it is wrong."""
        self._path = path
        self._now = now
        self._keys = read(path)
        self._version = _version(path)
        self._checked_at = now()

    def publisher(self, authorization: str | None) -> str:
        """The name of the key in the header; raises NoKey and KeyRevoked. A new file counts within a second."""
        if self._now() - self._checked_at >= CHECK_EVERY_S:
            self._reload_if_changed()
        scheme, _, sent = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not sent.strip():
            raise NoKey(f"no key was sent: {_HOW}")
        if not (key := self._find(sent.strip())):
            raise NoKey(f"nobody has this key: {_HOW}")
        if key.is_revoked:
            raise KeyRevoked(f"the key {key.name!r} was revoked: ask for a new one")
        return key.name

    def reload(self) -> None:
        """Read the file now."""
        try:
            self._version = _version(self._path)
            self._keys = read(self._path)
        except (SettingsError, OSError) as error:
            _log.error("keys not reloaded: the old ones stay", error=str(error))
        else:
            _log.info("keys reloaded", keys=[key.name for key in self._keys])

    def _reload_if_changed(self) -> None:
        self._checked_at = self._now()
        try:
            version = _version(self._path)
        except OSError as error:
            _log.error("keys not reloaded: the old ones stay", error=str(error))
            return
        if version != self._version:
            self.reload()

    def _find(self, sent: str) -> Key | None:
        digest = hashlib.sha256(sent.encode()).digest()
        found = [key for key in self._keys if hmac.compare_digest(key.digest, digest)]
        return max(found, key=lambda key: key.is_revoked, default=None)  # a revocation wins, wherever it stands


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


def new(name: str) -> tuple[str, str]:
    """A new key, and the line for the file. Raises SettingsError where the name won't do."""
    if not _NAME.match(name):
        raise SettingsError(f"the name {name!r} won't do: use 1 to 64 letters, digits, dots, dashes, underscores")
    key = _PREFIX + secrets.token_urlsafe(32)
    return key, f"{name} {hashlib.sha256(key.encode()).hexdigest()}"


def _key(path: Path, number: int, line: str) -> Key:
    match line.partition("#")[0].split():
        case [name, digest] if _NAME.match(name) and _HASH.match(digest):
            return Key(name, bytes.fromhex(digest), is_revoked=False)
        case [name, digest, "revoked"] if _NAME.match(name) and _HASH.match(digest):
            return Key(name, bytes.fromhex(digest), is_revoked=True)
    raise SettingsError(f"{path}, line {number}: give `NAME SHA256`, or `NAME SHA256 revoked`")


def _version(path: Path) -> tuple[int, int, int]:
    seen = path.stat()
    return seen.st_mtime_ns, seen.st_size, seen.st_ino


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
