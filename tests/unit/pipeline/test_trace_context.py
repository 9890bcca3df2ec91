"""W3C Trace Context: the trace goes on, or a new one starts; never an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import trace_context
from pipeline.core.trace_context import TraceContext, ids, is_sampled, parse

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"


def test_a_child_is_in_its_parents_trace_with_a_span_of_its_own() -> None:
    version, trace_id, span_id, flags = TraceContext(TRACE_ID, SPAN_ID, 3).child().split("-")
    assert (version, trace_id, flags) == ("00", TRACE_ID, "02")
    assert span_id != SPAN_ID
    assert len(span_id) == 16


@pytest.mark.parametrize("header", [PARENT, f"01-{TRACE_ID}-{SPAN_ID}-01", f"cc-{TRACE_ID}-{SPAN_ID}-01-what comes"])
def test_a_later_version_may_say_more(header: str) -> None:
    assert parse(header) == TraceContext(TRACE_ID, SPAN_ID, 1)


BAD = (
    *(None, "", "x", PARENT.upper(), PARENT + "-more", PARENT + "\n", " " + PARENT, PARENT[:-1], PARENT[:-1] + "ü"),
    *("ff" + PARENT[2:], PARENT[:3] + "0" * 32 + PARENT[35:], PARENT[:36] + "0" * 16 + "-01"),
)


@pytest.mark.parametrize("header", BAD)
def test_a_bad_parent_is_none(header: str | None) -> None:
    assert parse(header) is None
    assert ids(header) == {}


def test_a_new_trace_is_one_that_parses_and_not_sampled() -> None:
    begun = trace_context.new()
    assert parse(begun.traceparent) == begun
    assert not is_sampled(begun.traceparent)
    assert begun.trace_id != trace_context.new().trace_id


@pytest.mark.parametrize(("flags", "told"), [(0, 1), (1, 1), (2, 3), (3, 3)])
def test_what_is_recorded_is_in_its_parents_trace_and_says_so(flags: int, told: int) -> None:
    made = trace_context.sampled(TraceContext(TRACE_ID, SPAN_ID, flags))
    assert (made.trace_id, made.flags) == (TRACE_ID, told)
    assert made.span_id != SPAN_ID
    assert parse(made.traceparent) == made


def test_what_is_recorded_without_a_parent_begins_a_trace() -> None:
    one, other = trace_context.sampled(None), trace_context.sampled(None)
    assert one.trace_id != other.trace_id
    assert parse(one.traceparent) == one
    assert one.flags == 3


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True)])
def test_flags_are_bits(flags: str, sampled: bool) -> None:
    context = parse(PARENT[:-2] + flags)
    assert context
    assert (context.is_sampled, is_sampled(context.traceparent)) == (sampled, sampled)


@given(st.text())
def test_whatever_came_is_no_error(header: str) -> None:
    assert parse(header) is None
    assert not is_sampled(header) or len(header) == 55
