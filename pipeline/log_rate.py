"""A bound on how much one logger says: an outage, or much work, should not bury what else the log has."""

import logging
import time
from collections.abc import Callable

BURST_LINES = 50
LINES_PER_S = 2.0


class LogRate(logging.Filter):
    """Of each logger's lines lets BURST_LINES through, then LINES_PER_S; of its warnings and errors as many more.

    The next line that passes tells how many did not. Debug lines all pass: who asks for them wants them.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._loggers: dict[tuple[str, bool], _Allowance] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.levelno < logging.INFO:
            return True
        key = record.name, record.levelno >= logging.WARNING
        allowance = self._loggers.setdefault(key, _Allowance(self._now()))
        if not allowance.take(self._now()):
            return False
        if left_out := allowance.told():
            _add(record, left_out)
        return True


class _Allowance:
    def __init__(self, now: float) -> None:
        self._lines = float(BURST_LINES)
        self._filled_at = now
        self._left_out = 0

    def take(self, now: float) -> bool:
        self._lines = min(BURST_LINES, self._lines + (now - self._filled_at) * LINES_PER_S)
        self._filled_at = now
        if self._lines < 1:
            self._left_out += 1
            return False
        self._lines -= 1
        return True

    def told(self) -> int:
        left_out, self._left_out = self._left_out, 0
        return left_out


def _add(record: logging.LogRecord, left_out: int) -> None:
    if isinstance(record.msg, dict):  # structlog's own
        record.msg = {**record.msg, "lines_left_out": left_out}
    else:
        record.msg = f"{record.getMessage()} ({left_out} lines of this logger were left out before)"
        record.args = None
