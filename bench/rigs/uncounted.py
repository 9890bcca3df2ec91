"""`python -m bench.rigs.uncounted MODULE [ARGUMENT ...]`: one of our services, whose metrics count nothing.

Counters and histograms are called as ever, and return at once: what is left of each is the call.
"""

import runpy
import sys

from pipeline.telemetry.counter import Count
from pipeline.telemetry.histogram import Series


def _nothing(*_: object) -> None:
    pass


def main() -> None:
    """Run the module as `python -m` would."""
    for owner, method in ((Count, "inc"), (Series, "observe"), (Series, "show")):
        setattr(owner, method, _nothing)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
