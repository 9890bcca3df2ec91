"""A bound on how much one logger says: an outage, or much work, should not bury what else the log has."""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable

from pipeline.core.token_bucket import TokenBucket

BURST_LINES = 50
LINES_PER_S = 2.0


class LogRate(logging.Filter):
    """Of each logger's lines lets BURST_LINES through, then LINES_PER_S; of its warnings and errors as many more.

    The next line that passes has the number of those that did not. Debug lines all pass.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._allowances: defaultdict[tuple[str, bool], TokenBucket] = defaultdict(
            lambda: TokenBucket(LINES_PER_S, BURST_LINES, now)
        )
        self._left_out: Counter[tuple[str, bool]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.levelno < logging.INFO:
            return True
        key = record.name, record.levelno >= logging.WARNING
        allowance = self._allowances[key]
        if allowance.wait_s():
            self._left_out[key] += 1
            return False
        allowance.spend()
        if left_out := self._left_out.pop(key, 0):
            _add(record, left_out)
        return True


def _add(record: logging.LogRecord, left_out: int) -> None:
    if isinstance(record.msg, dict):  # structlog's own
        record.msg = {**record.msg, "lines_left_out": left_out}
    else:
        record.msg = f"{record.getMessage()} ({left_out} lines of this logger were left out before)"
        record.args = None
