"""Named keys, kept as hashes: `NAME SHA256`, or `NAME SHA256 revoked`.

A key is 256 random bits, so a plain SHA-256 keeps it: there is nothing to guess that a
slow hash would protect. Only the standard library is imported here: the Lambda's archive
holds this module.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from typing import NamedTuple

from pipeline.core.errors import KeyRevoked, NoKey, SettingsError

_PREFIX = "mens_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_HASH = re.compile(r"[0-9a-f]{64}\Z")


class Key(NamedTuple):
    """A key's name, the SHA-256 of the key, and whether it was taken back."""

    name: str
    digest: bytes
    is_revoked: bool


def parse(text: str) -> Key:
    """The key of one line. Raises SettingsError."""
    match text.split():
        case [name, digest] if _NAME.match(name) and _HASH.match(digest):
            return Key(name, bytes.fromhex(digest), is_revoked=False)
        case [name, digest, "revoked"] if _NAME.match(name) and _HASH.match(digest):
            return Key(name, bytes.fromhex(digest), is_revoked=True)
    raise SettingsError("give `NAME SHA256`, or `NAME SHA256 revoked`")


def owner(keys: Iterable[Key], authorization: str | None, whose: str) -> str:
    """The name of the key in the header `Authorization`, a key of `whose` ("this gateway").

    Raises NoKey and KeyRevoked.
    """
    how = f"send `Authorization: Bearer KEY` with a key of {whose}"
    scheme, _, sent = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not sent.strip():
        raise NoKey(f"no key was sent: {how}")
    if not (key := _find(keys, sent.strip())):
        raise NoKey(f"unknown key: {how}")
    if key.is_revoked:
        raise KeyRevoked(f"the key {key.name!r} was revoked: ask for a new one")
    return key.name


def new(name: str) -> tuple[str, str]:
    """A new key, and its line. Raises SettingsError where the name won't do."""
    if not _NAME.match(name):
        raise SettingsError(f"the name {name!r} won't do: use 1 to 64 letters, digits, dots, dashes, underscores")
    key = _PREFIX + secrets.token_urlsafe(32)
    return key, f"{name} {hashlib.sha256(key.encode()).hexdigest()}"


def _find(keys: Iterable[Key], sent: str) -> Key | None:
    digest = hashlib.sha256(sent.encode()).digest()
    found = [key for key in keys if hmac.compare_digest(key.digest, digest)]
    return max(found, key=lambda key: key.is_revoked, default=None)  # a revocation wins, wherever it stands
