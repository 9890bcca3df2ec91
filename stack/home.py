"""Paths: the checkout, what is installed in it, and the home of one system's data."""

import fcntl
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack.errors import StackError

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
STACK_BIN = ROOT / ".venv-stack" / "bin"
JARS = ROOT / ".jars"


def package_folder(name: str) -> Path:
    """The folder of the package `name` of the servers' environment. Raises StackError where it isn't installed."""
    found = sorted((ROOT / ".venv-stack").glob(f"lib/python3*/site-packages/{name}"))
    if not found:
        raise StackError(f"the package {name} is not installed: run `make run`, or `make install` once")
    return found[0]


@dataclass(frozen=True)
class Home:
    """The folder of one system: its data, logs, pids, secrets and addresses."""

    path: Path

    def log(self, part: str) -> Path:
        """The log file of `part`."""
        return self.folder("logs") / f"{part}.log"

    def pid(self, part: str) -> Path:
        """The file with the process id of `part`."""
        return self.folder("run") / f"{part}.pid"

    def folder(self, *names: str) -> Path:
        """A folder below the home, made if missing."""
        folder = self.path.joinpath(*names)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def empty_folder(self, *names: str) -> Path:
        """A folder below the home with nothing in it."""
        shutil.rmtree(self.path.joinpath(*names), ignore_errors=True)
        return self.folder(*names)

    def secret(self, name: str) -> str:
        """The secret `name`, 43 characters, made at its first use and readable by the owner alone."""
        return self.secret_file(name).read_text()

    def secret_file(self, name: str) -> Path:
        """The file of the secret `name`, made at its first use."""
        file = self.folder("secrets") / name
        if not file.exists():
            write_private(file, secrets.token_urlsafe(32))
        return file

    @property
    def endpoints(self) -> Path:
        """The file with the addresses, for other programs: there while the system is ready."""
        return self.path / "endpoints.json"

    @contextmanager
    def published(self, endpoints: dict[str, str]) -> Iterator[None]:
        """Tell the addresses for as long as the block runs; the file has the database's password in it."""
        write_private(self.endpoints, json.dumps(endpoints, indent=2) + "\n")
        try:
            yield
        finally:
            self.endpoints.unlink(missing_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the home for this process, closed to other users.

        Raises StackError where another system holds it, or where it is a folder that all users share.
        """
        self._close()
        with (self.folder("run") / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StackError(
                    f"a system runs on {self.path} already: stop it first, or set MENSAGERIA_HOME to another folder"
                    " and MENSAGERIA_PORTS=free"
                ) from None
            yield

    def _close(self) -> None:
        """Let nobody else in: servers keep what they hold, passwords too, in files that others could read."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(
                f"{self.path} can't be the home: {error.strerror}; set MENSAGERIA_HOME to another folder"
            ) from None
        if self.path.stat().st_mode & stat.S_ISVTX:
            raise StackError(f"{self.path} is shared by all users: set MENSAGERIA_HOME to a folder of its own")
        self.path.chmod(0o700)


def write_private(file: Path, text: str) -> None:
    """Write `text` to `file` at once or not at all, with mode 600."""
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
    new.replace(file)
