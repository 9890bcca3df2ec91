"""A Docker engine: the one that this machine runs, or one of the tests' own.

Their own is Debian's dockerd in namespaces of its own (mounts, network, processes). Its iptables rules and published
ports touch nobody, and when its first process ends, all of it has ended. Images stay in the cache.
"""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pipeline.core.settings import inherited
from stack.process import ending_with_parent
from tests.containers import cache, compose_plugin
from tests.containers.waiting import until

PROGRAMS = ("dockerd", "containerd", "runc", "slirp4netns", "unshare", "nsenter", "ip", "iptables", "debootstrap")
_CGROUP = f"/mensageria-tests-{os.getpid()}"
_DNS = "10.0.2.3"  # slirp4netns answers there
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET of sched.h
_START_S, _STOP_S = 60, 90
_libc = ctypes.CDLL(None, use_errno=True)


class CommandFailed(Exception):
    """A command ended with another code than 0; the text is what it printed."""


@dataclass
class Engine:
    """What `docker` and `docker compose` talk to."""

    environment: dict[str, str]

    @property
    def is_own(self) -> bool:
        """Whether it is the tests' own: it has no images but theirs, and they may stop it."""
        return False

    def run(
        self, *command: str, folder: Path | None = None, stdin: IO[bytes] | None = None, within_s: int = 600
    ) -> str:
        """What the command prints. Raises CommandFailed."""
        with self.network():
            ended = subprocess.run(
                command,
                cwd=folder,
                env=self.environment,
                stdin=stdin or subprocess.DEVNULL,
                capture_output=True,
                timeout=within_s,
            )
        if ended.returncode:
            raise CommandFailed(
                f"{' '.join(command)} ended with {ended.returncode}:\n{(ended.stdout + ended.stderr).decode()}"
            )
        return ended.stdout.decode()

    def docker(self, *arguments: str, stdin: IO[bytes] | None = None) -> str:
        """What `docker` prints."""
        return self.run("docker", *arguments, stdin=stdin)

    def inspect(self, *names: str) -> list[dict[str, Any]]:
        """What the engine knows of containers or images."""
        return list(json.loads(self.docker("inspect", *names))) if names else []

    @contextmanager
    def network(self) -> Iterator[None]:
        """Whatever this thread connects to or starts inside of it is in the network of the engine's published ports."""
        yield


@dataclass
class OwnEngine(Engine):
    """A dockerd that the tests start, stop and kill."""

    folder: Path = field(default_factory=Path)
    _running: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def is_own(self) -> bool:
        return True

    @property
    def _first(self) -> int:
        """The first process of the namespaces, which is dockerd."""
        parent = self._running[0].pid
        return int(Path(f"/proc/{parent}/task/{parent}/children").read_text().split()[0])

    def start(self) -> None:
        """Start dockerd, and return when it answers."""
        state = cache.folder("engine")
        dockerd = (
            *("dockerd", "--data-root", str(state), "--exec-root", str(self.folder / "run")),
            *("--pidfile", str(self.folder / "pid"), "--host", self.environment["DOCKER_HOST"]),
            *("--cgroup-parent", _CGROUP, "--dns", _DNS, "--shutdown-timeout", "60", "--log-level", "warn"),
        )
        (self.folder / "pid").unlink(missing_ok=True)  # of a kill
        own = ("--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
        self._running = [self._spawn("unshare", *own, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *dockerd)]
        until(self._answers, within_s=_START_S)
        slirp = ("slirp4netns", "--configure", "--disable-host-loopback", str(self._first), "tap0")
        self._running.append(self._spawn(*slirp))

    def stop(self) -> None:
        """Stop the containers in order, then dockerd, as a machine that is shut down."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End dockerd and everything in it at once, as a loss of power."""
        self._end(signal.SIGKILL)

    @contextmanager
    def network(self) -> Iterator[None]:
        own = os.open(f"/proc/{self._first}/ns/net", os.O_RDONLY)
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _enter(own)
            yield
        finally:
            _enter(before)
            os.close(before)
            os.close(own)

    def _spawn(self, *command: str) -> "subprocess.Popen[bytes]":
        """Start a program that ends with the tests, however they end."""
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=ending_with_parent(signal.SIGKILL))

    def _answers(self) -> bool:
        assert self._running[0].poll() is None, (self.folder / "log").read_text()
        return _is_running(self.environment)

    def _end(self, number: signal.Signals) -> None:
        unshare, *slirp = self._running
        os.kill(self._first, number)
        unshare.wait(_STOP_S)
        for process in slirp:
            process.terminate()
            process.wait(_STOP_S)
        self._running = []


def here() -> Engine | None:
    """The engine that this machine runs, where one answers."""
    return Engine(inherited()) if shutil.which("docker") and _is_running(inherited()) else None


def missing() -> list[str]:
    """What this machine lacks for an engine: nothing where one runs, or where the tests can start one."""
    if here():
        return []
    lacking = [program for program in ("docker", *PROGRAMS) if not shutil.which(program)]
    return [*lacking, *(() if os.geteuid() == 0 else ("root",))]


@contextmanager
def running() -> Iterator[Engine]:
    """An engine with Compose: the machine's own where it runs, else one of the tests'."""
    if found := here():
        yield Engine(compose_plugin.installed(found.environment))
        return
    with cache.locked(), tempfile.TemporaryDirectory(prefix="mensageria-") as folder:  # a socket's path must be short
        environment = compose_plugin.installed(inherited() | {"DOCKER_HOST": f"unix://{folder}/docker.sock"})
        own = OwnEngine(environment, Path(folder))
        own.start()
        try:
            _forget_containers(own)  # of a run that was killed
            yield own
        finally:
            _forget_containers(own)
            own.stop()
            _remove_cgroups()


def _is_running(environment: dict[str, str]) -> bool:
    ended = subprocess.run(("docker", "info"), env=environment, capture_output=True)
    return ended.returncode == 0 and b"Server Version" in ended.stdout


def _forget_containers(engine: Engine) -> None:
    for kind, remove in (("container", ("rm", "--force", "--volumes")), ("volume", ("rm", "--force"))):
        every = ("--all",) if kind == "container" else ()
        if names := engine.docker(kind, "ls", "--quiet", *every).split():
            engine.docker(kind, *remove, *names)
    engine.docker("network", "prune", "--force")


def _remove_cgroups() -> None:
    for group in Path("/sys/fs/cgroup").glob(f"**{_CGROUP}"):
        for folder, _, _ in os.walk(group, topdown=False):
            Path(folder).rmdir()


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "setns")
