"""W3C Trace Context: the trace goes on, or a new one starts; never an error."""

import pytest

from pipeline.trace_context import child_of

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_child_is_in_its_parents_trace_with_a_span_of_its_own() -> None:
    version, trace_id, span_id, flags = child_of(PARENT).split("-")
    assert (version, trace_id, flags) == ("00", "0af7651916cd43dd8448eb211c80319c", "01")
    assert span_id != "b7ad6b7169203331"


@pytest.mark.parametrize(
    "header", [None, "", "x", PARENT.upper(), "ff" + PARENT[2:], PARENT[:3] + "0" * 32 + PARENT[35:]]
)
def test_a_bad_parent_starts_a_new_trace(header: str | None) -> None:
    version, trace_id, span_id, flags = child_of(header).split("-")
    assert (version, len(trace_id), len(span_id), flags) == ("00", 32, 16, "00")
    assert trace_id != "0af7651916cd43dd8448eb211c80319c"
