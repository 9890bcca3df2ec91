"""`python -m lambda_query.package`: the function's archive, the same bytes from the same inputs.

It holds this package, what it needs of `pipeline`, and requirements/lambda.lock, all
pure Python: one archive for the emulator and for AWS. Byte code goes in beside the
sources, unchecked (nobody edits an archive), which halves the time that imports take.
"""

import compileall
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from py_compile import PycInvalidationMode

_ROOT = Path(__file__).parent.parent
ARCHIVE = _ROOT / ".build" / "lambda_query.zip"
_LOCK = _ROOT / "requirements" / "lambda.lock"
_TARGET = (
    "--python-platform",
    "x86_64-manylinux2014",
    "--python-version",
    platform.python_version(),
    "--only-binary",
    ":all:",
)
_CORE = "pipeline/core"
"""The package of `pipeline` that needs the standard library alone."""
_LEFT_OUT = ("*.dist-info/[!M]*", "bin", ".lock")
"""Of what the installer writes. METADATA stays: pg8000 and scramp read their versions there."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold."""


def build(archive: Path = ARCHIVE) -> Path:
    """Write the archive to `archive` and return it.

    Raises subprocess.CalledProcessError where the locked packages can't be installed.
    """
    with tempfile.TemporaryDirectory() as name:
        content = Path(name)
        _install(content)
        _copy_sources(content)
        # Without this the byte code would name the temporary folder, and differ each time.
        if not compileall.compile_dir(
            content, quiet=1, stripdir=content, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
        ):
            raise SystemExit(f"the sources of {archive.name} do not compile: see the lines above")
        archive.parent.mkdir(parents=True, exist_ok=True)
        unfinished = archive.with_suffix(".part")
        _zip(content, unfinished)
        unfinished.replace(archive)
    return archive


def _install(target: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    command = [
        str(uv),
        "pip",
        "install",
        "--quiet",
        "--target",
        str(target),
        *_TARGET,
        "--require-hashes",
        "-r",
        str(_LOCK),
    ]
    subprocess.run(command, check=True)
    for pattern in _LEFT_OUT:
        for path in target.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _copy_sources(target: Path) -> None:
    here = _ROOT / "lambda_query"
    sources = [path for path in _files(here) if path.suffix in (".py", ".sql", ".json") and path != Path(__file__)]
    sources += [_ROOT / "pipeline" / "__init__.py"]
    sources += [path for path in _files(_ROOT / _CORE) if path.suffix == ".py"]
    for source in sources:
        copy = target / source.relative_to(_ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)


def _zip(content: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path in _files(content):
            entry = zipfile.ZipInfo(path.relative_to(content).as_posix(), _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(entry, path.read_bytes())


def _files(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    sys.stdout.write(f"{build()}\n")
