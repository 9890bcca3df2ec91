"""All settings, a module for each program. This module alone reads the environment.

A setting is a field of a dataclass (pipeline/core/variables.py); `read` fills the dataclass
from environment variables. `python -m pipeline.core.settings` prints docs/settings.md.
"""

import os
from collections.abc import Mapping
from typing import Any, TypeVar

from pipeline.core import variables

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE")
T = TypeVar("T")


def read(kind: type[T], environ: Mapping[str, str] = os.environ, *, before: Mapping[str, str] | None = None) -> T:
    """An instance of the settings class `kind` from environment variables, those of `before` first.

    Raises SettingsError, which names every variable that is missing or wrong.
    """
    return variables.filled(kind, {**environ, **(before or {})})


def given(kind: type[Any], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of the settings class `kind` that are set, for a process that will read them."""
    return {name: environ[name] for name in variables.names(kind) if name in environ}


def aws_region(environ: Mapping[str, str] = os.environ) -> str | None:
    """The region of `AWS_REGION`, which newer SDKs know and botocore does not read; None leaves it to botocore."""
    return environ.get("AWS_REGION") or None


def inherited(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that any process on this machine needs; nothing of the project's and no secret."""
    return {name: environ[name] for name in _INHERITED if name in environ}
