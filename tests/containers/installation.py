"""One installation in containers: `make up` in a copy of the project, with ports and secrets of its own."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.containers.engine import CommandFailed, Engine
from tests.containers.waiting import until
from tests.support import compose
from tests.support.running_system import ROOT

PROJECT = "mensageria-test"
SOURCE = "urn:test:containers"
PORTS = {"GATEWAY": 18000, "WEB": 18080, "AWS": 14566, "GRAFANA": 13000, "PROMETHEUS": 19090, "JAEGER": 26686}
"""Others than the documented ones, which a system on this machine may have."""
_USUAL = {"GATEWAY": 8000, "WEB": 8080, "AWS": 4566, "GRAFANA": 3000, "PROMETHEUS": 9090, "JAEGER": 16686}
_ARRIVED_S = 60


@dataclass(frozen=True)
class Installation:
    """A folder with the project, whose containers run in `engine`."""

    engine: Engine
    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        """What .env sets."""
        return compose.variables((self.folder / ".env").read_text())

    @property
    def keys(self) -> Path:
        """Who may publish."""
        return self.folder / ".gateway-keys" / "keys"

    def shell(self, command: str, *, within_s: int = 600) -> str:
        """What a documented command prints, in the project's folder. Raises CommandFailed."""
        for name, usual in _USUAL.items():
            command = re.sub(rf"127\.0\.0\.1:{usual}\b", f"127.0.0.1:{PORTS[name]}", command)
        return self.engine.run("bash", "-euc", command, folder=self.folder, within_s=within_s)

    def compose(self, *arguments: str) -> str:
        """What `docker compose` prints."""
        return self.engine.run("docker", "compose", *arguments, folder=self.folder)

    def up(self) -> str:
        """`make up`, which must be done within its own deadline and the images' build."""
        try:
            return self.shell("make --no-print-directory up", within_s=1200)
        except CommandFailed as error:
            error.add_note(self.compose("logs", "--no-color", "--tail", "20"))
            raise

    def down(self) -> None:
        """`make down`: the data stays."""
        self.shell("make --no-print-directory down")

    def containers(self, service: str = "") -> list[dict[str, Any]]:
        """What the engine knows of the containers of `service`, or of all."""
        names = self.compose("ps", "--all", "--quiet", *([service] if service else [])).split()
        return self.engine.inspect(*names)

    def is_healthy(self) -> bool:
        """Whether each service runs and is healthy, and each job has ended well."""
        containers = self.containers()
        return bool(containers) and all(map(_is_well, containers))

    def kill(self, container: dict[str, Any]) -> None:
        """SIGKILL to the container's first process, by the engine's machine: `docker kill` would count as a stop."""
        pid = container["State"]["Pid"]
        kill = ("python", "-c", f"import os, signal; os.kill({pid}, signal.SIGKILL)")
        self.engine.docker("run", "--rm", "--pid", "host", "--user", "0", "mensageria/tools", *kill)

    def ask(self, part: str, path: str, **parameters: str) -> httpx.Response:
        """The answer of a published port."""
        with self.engine.network():
            return httpx.get(
                f"http://127.0.0.1:{PORTS[part]}{path}", params=parameters or None, timeout=20, trust_env=False
            )

    def publish(self, id_: str, key: str | None = None) -> int:
        """The status that the gateway answers an event with, by the installation's key where none is given."""
        event = {"type": "test.containers", "source": SOURCE, "id": id_, "data": {"id": id_}}
        headers = {"authorization": f"Bearer {key or self.variables['MENSAGERIA_GATEWAY_KEY']}"}
        with self.engine.network():
            url = f"http://127.0.0.1:{PORTS['GATEWAY']}/events"
            return httpx.post(url, json=event, headers=headers, timeout=20, trust_env=False).status_code

    def publish_until_accepted(self, id_: str) -> None:
        """As a publisher does: again until the answer is 202."""
        self.until(lambda: self.publish(id_) == 202)

    def record(self, id_: str, source: str = SOURCE) -> dict[str, Any]:
        """What the query knows of an event that every way has stored; empty before."""
        answer = self.ask("AWS", "/_aws/execute-api/mensageria/$default/event", source=source, id=id_)
        return dict(answer.json()) if answer.is_success and answer.json()["complete"] else {}

    def has_arrived(self, id_: str) -> dict[str, Any]:
        """The record of an event, once every way has stored it."""
        return dict(self.until(lambda: self.record(id_)))

    def until(self, probe: Callable[[], Any], within_s: float = _ARRIVED_S) -> Any:
        """The first true answer; no answer at all counts as none."""

        def answered() -> Any:
            try:
                return probe()
            except httpx.TransportError:
                return None

        return until(answered, within_s=within_s)

    def becomes_healthy(self, within_s: float = 180) -> None:
        """Wait until all is healthy."""
        until(self.is_healthy, within_s=within_s, every_s=1)

    def remove(self) -> None:
        """Everything of it, its data too."""
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "20")


def _is_well(container: dict[str, Any]) -> bool:
    state, is_job = container["State"], container["HostConfig"]["RestartPolicy"]["Name"] == "on-failure"
    if is_job:
        return (state["Status"], state["ExitCode"]) == ("exited", 0)
    return (state["Status"], state.get("Health", {}).get("Status", "healthy")) == ("running", "healthy")


def make(engine: Engine, folder: Path) -> Installation:
    """A copy of the project with what is not committed yet, at a revision of its own, and its ports in .env."""
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0"):
        if name and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    subprocess.run(("git", "init", "--quiet"), cwd=folder, check=True)
    author = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    subprocess.run(("git", *author, "commit", "--quiet", "--allow-empty", "--message", "Copy"), cwd=folder, check=True)
    engine.run("docker/make-secrets", folder=folder)
    with (folder / ".env").open("a") as file:
        file.write(f"COMPOSE_PROJECT_NAME={PROJECT}\n")
        file.writelines(f"MENSAGERIA_{name}_PORT={port}\n" for name, port in PORTS.items())
    return Installation(engine, folder)
