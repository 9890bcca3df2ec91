"""What Docker does to a service's words, done here: names, ports and paths that lead to this machine."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.ports import HOST


@dataclass(frozen=True)
class ThisMachine:
    """A compose file with a free port for each service's port, and a folder for all that is written."""

    file: dict[str, Any]
    ports: dict[tuple[str, str], int]
    folder: Path

    def address(self, service: str, port: int) -> str:
        """The host and port where `port` of `service` is."""
        return f"{HOST}:{self.ports[service, str(port)]}"

    def environment(self, service: str, given: dict[str, str]) -> dict[str, str]:
        """The variables of `service`; one whose value is a service's name has our address."""
        own = {name: HOST if value in self.file["services"] else value for name, value in given.items()}
        return dict(zip(own, self.words(service, own.values()), strict=True))

    def words(self, service: str, words: Any) -> list[str]:
        """The words of a command of `service`."""
        paths = self.paths(service)
        return [self._moved(self._connected(service, word), paths) for word in words]

    def paths(self, service: str) -> dict[str, Path]:
        """Where the volumes, mounted folders and the temporary folder of `service` are."""
        told = self.file["services"][service]
        found = {"/tmp": self.folder / "tmp" / service}
        for volume in told.get("volumes", []):
            source, target = volume.split(":")[:2]
            found[target] = self.folder / (source if source.startswith("./") else f"volumes/{source}")
        for folder in found.values():
            folder.mkdir(parents=True, exist_ok=True)
        return found

    def _connected(self, service: str, word: str) -> str:
        for (name, port), free in self.ports.items():
            word = re.sub(rf"\b{name}:{port}\b", f"{HOST}:{free}", word)
            if name == service:
                word = re.sub(rf"\b{port}\b", str(free), word)
        word = word.replace("//:", f"//{HOST}:").replace("localhost", HOST)
        return word.replace("0.0.0.0", HOST)

    def _moved(self, word: str, paths: dict[str, Path]) -> str:
        for path in sorted(paths, key=len, reverse=True):
            if word.startswith(path):
                return f"{paths[path]}{word.removeprefix(path)}"
        return word
