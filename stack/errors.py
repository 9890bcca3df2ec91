"""Errors of the stack, each with the one message that a person sees."""

from pathlib import Path

from pipeline.core.errors import MensageriaError

LAST_LINES = 15


class StackError(MensageriaError):
    """The system can't start or go on; the text says why and what to do."""


class PartFailed(StackError):
    """A part doesn't start, or keeps ending."""

    def __init__(self, part: str, what: str, log: Path) -> None:
        super().__init__(f"{part} {what}.\n{_last_lines(log)}")
        self.part = part
        self.what = what


def _last_lines(log: Path, tail_bytes: int = 16_384) -> str:
    if not log.exists() or not log.stat().st_size:
        return f"Its log, {log}, is empty."
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - tail_bytes))
        lines = file.read().decode(errors="replace").splitlines()[-LAST_LINES:]
    return "\n".join([f"The last lines of {log}:", *(f"  {line}" for line in lines)])
