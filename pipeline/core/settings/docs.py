"""docs/settings.md, which `python -m pipeline.core.settings` prints."""

from dataclasses import is_dataclass
from typing import Any

from pipeline.core import variables
from pipeline.core.settings import gateway, infra, kafka, process, query, stack, tools, web, workers

_MODULES = (process, kafka, gateway, workers, query, web, tools, infra, stack)


def markdown() -> str:
    """docs/settings.md: each settings class with its variables, defaults and meanings."""
    lines = [
        "# Settings",
        "",
        "Every setting is an environment variable. Made by `make docs` from pipeline/core/settings.",
        "The AWS SDKs read their own beside these: `AWS_REGION`, `AWS_ENDPOINT_URL`,",
        "`AWS_ENDPOINT_URL_DYNAMODB` and the credentials.",
    ]
    for kind in settings_classes():
        lines += ["", f"## {kind.__doc__}", "", *variables.table(kind)]
    return "\n".join(lines) + "\n"


def settings_classes() -> list[type[Any]]:
    """Every class of settings; those of `shared` are in what derives from them."""
    kinds = [(module, kind) for module in _MODULES for kind in vars(module).values() if isinstance(kind, type)]
    return [kind for module, kind in kinds if is_dataclass(kind) and kind.__module__ == module.__name__]
