"""When an event is everywhere with one content."""

from typing import NamedTuple

import pytest

from pipeline.core.clock import now, rfc3339
from pipeline.core.comparison import conflicting, first_place, is_doubtful, lacking, settled_until
from pipeline.core.ways import Via


class Copy(NamedTuple):
    received_at: str
    via: Via | None
    content_hash: str = "a"


WHOLE = [Copy("1", None), Copy("1", "sqs"), Copy("1", "kafka")]


def test_a_whole_event_lacks_nothing() -> None:
    assert (lacking(WHOLE), conflicting(WHOLE), is_doubtful(WHOLE)) == ((), False, False)
    assert first_place(WHOLE, is_doubtful) is None


@pytest.mark.parametrize("missing", WHOLE, ids=lambda copy: copy.via or "row")
def test_what_is_missing_is_named(missing: Copy) -> None:
    assert lacking(copy for copy in WHOLE if copy != missing) == (missing.via,)


def test_another_content_that_came_later_is_told_of_where_it_stands() -> None:
    copies = [*WHOLE, Copy("2", "sqs", "b"), Copy("2", "kafka", "b")]
    assert conflicting(copies)
    assert first_place(copies, is_doubtful) == "2"


def test_an_event_whose_copies_stand_apart_is_told_of_once() -> None:
    assert first_place([Copy("1", None), Copy("1", "sqs"), Copy("2", "kafka")], is_doubtful) == "1"


def test_what_is_young_is_not_settled() -> None:
    assert settled_until("2001-01-01T00:00:00.000000Z") == "2001-01-01T00:00:00.000000Z"
    assert settled_until("2999-01-01T00:00:00.000000Z") < rfc3339(now())
