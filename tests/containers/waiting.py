"""Waiting on a condition of an engine, with a deadline, in the thread that asks."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(probe: Callable[[], T], *, within_s: float, every_s: float = 0.2) -> T:
    """The first answer of `probe` that is true. Raises TimeoutError after `within_s`, with the last answer."""
    deadline = time.monotonic() + within_s
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s} s: {probe.__qualname__} answers {answer!r}")
        time.sleep(every_s)
    return answer
