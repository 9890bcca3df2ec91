"""Which runs with and without metrics and traces count."""

import subprocess
import sys

import pytest

from bench.errors import DoesNotCount
from bench.workloads.watched import COUNTED, TRACED, spans_per_event


def test_a_run_that_traced_what_it_was_to_trace_counts() -> None:
    assert spans_per_event(TRACED, 40, 1000, least=3) == {"spans": 0.04}
    assert spans_per_event(COUNTED, 0, 1000, least=3) == {"spans": 0}


@pytest.mark.parametrize(("pipeline", "spans"), [(TRACED, 29), (TRACED, 0), (COUNTED, 1)])
def test_a_run_with_other_spans_does_not_count(pipeline: object, spans: int) -> None:
    with pytest.raises(DoesNotCount, match=f"{spans} spans came of 1000 events"):
        spans_per_event(pipeline, spans, 1000, least=3)  # type: ignore[arg-type]


def test_what_is_run_uncounted_counts_nothing() -> None:
    command = [sys.executable, "-m", "bench.rigs.uncounted", "tests.unit.bench.counting", "an argument"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert told.splitlines() == ["an argument", "0.0"]
