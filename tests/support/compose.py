"""compose.yml, read as Compose reads it: anchors merged, variables filled in."""

import re
from typing import Any

import yaml

from tests.support.running_system import ROOT

FILE = ROOT / "compose.yml"
_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?::?([-?])([^}]*))?\})")


class NotSet(Exception):
    """A variable that the file can't do without."""


def load(variables: dict[str, str]) -> dict[str, Any]:
    """The file with `variables` filled in. Raises NotSet."""
    return dict(_filled(yaml.load(FILE.read_text(), Loader=yaml.CSafeLoader), variables))


def variables(text: str) -> dict[str, str]:
    """What a .env file of plain lines sets."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def dependencies(service: dict[str, Any]) -> dict[str, str]:
    """What `service` waits for, and in which condition."""
    return {name: rule["condition"] for name, rule in service.get("depends_on", {}).items()}


def is_job(service: dict[str, Any]) -> bool:
    """Whether `service` is to end by itself."""
    return str(service.get("restart")).startswith("on-failure")


def health_check(service: dict[str, Any]) -> list[str]:
    """The command of the service's own health check; empty where its image has one."""
    return list(service.get("healthcheck", {}).get("test", ["CMD"])[1:])


def _filled(value: Any, variables: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, variables) for each in value]
    return _VARIABLE.sub(lambda match: _value(match, variables), value) if isinstance(value, str) else value


def _value(match: "re.Match[str]", variables: dict[str, str]) -> str:
    escaped, name, rule, text = match.groups()
    if escaped:
        return "$"
    if variables.get(name):
        return variables[name]
    if rule == "?":
        raise NotSet(f"{name}: {text}")
    return text or ""
