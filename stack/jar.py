"""One jar, as it is installed."""

import re
import zipfile
from pathlib import Path

_MANIFEST = "META-INF/MANIFEST.MF"
_CLASS_PATH = re.compile(rb"^Class-Path:.*\r?\n(?: .*\r?\n)*", re.IGNORECASE | re.MULTILINE)
"""A header of a manifest goes on in lines that begin with a space (JAR specification)."""


def install(file: Path, place: Path) -> None:
    """Link `file` to `place`; a jar with a Class-Path is copied without it.

    The lock says what a server needs; a Class-Path names what isn't there, and folders, of which a JVM keeps no start.
    """
    manifest = _manifest(file)
    if not _CLASS_PATH.search(manifest):
        place.hardlink_to(file)
        return
    with zipfile.ZipFile(file) as whole, zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as bare:
        for member in whole.infolist():
            is_manifest = member.filename == _MANIFEST
            bare.writestr(member, _CLASS_PATH.sub(b"", manifest) if is_manifest else whole.read(member))


def _manifest(file: Path) -> bytes:
    """That of a jar; nothing where there is none."""
    if file.suffix != ".jar":
        return b""
    with zipfile.ZipFile(file) as jar:
        return jar.read(_MANIFEST) if _MANIFEST in jar.namelist() else b""
