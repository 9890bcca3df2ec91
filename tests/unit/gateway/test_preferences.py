"""The header Prefer: what is understood, and that nothing else does any harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import preferences
from gateway.inbound import Inbound


def wait_s(*values: bytes) -> int | None:
    return preferences.wait_s(Inbound([(b"host", b"localhost"), *((b"prefer", each) for each in values)], b""))


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([], None),
        ([b""], None),
        ([b"wait=5"], 5),
        ([b"WAIT = 5"], 5),
        ([b'wait="5"'], 5),
        ([b"wait=0"], 0),
        ([b"wait=007"], 7),
        ([b"wait=30"], 30),
        ([b"wait=31"], 30),
        ([b"wait=" + b"9" * 60_000], 30),
        ([b"wait=" + b"0" * 60_000 + b"4"], 4),
        ([b"respond-async, wait=10"], 10),
        ([b"respond-async", b"wait=10"], 10),
        ([b'handling=lenient;note="a, wait=3", wait=4; foo="b"'], 4),
        ([b'note="wait=3, \\", wait=4", wait=5'], 5),
        ([b",, ,wait=2,"], 2),
        ([b"wait=2;wait=3"], 2),
        ([b"foo;wait=3"], None),
        ([b"wait=3, wait=4"], 3),
        ([b"wait=x, wait=4"], None),
        ([b"wait"], None),
        ([b"wait="], None),
        ([b'wait=""'], None),
        ([b"wait=1.5"], None),
        ([b"wait=-1"], None),
        ([b"wait=+1"], None),
        ([b"wait= 1 2"], None),
        ([b"wait=\xd9\xa3"], None),
        ([b"waiting=3"], None),
        ([b"x-wait=3"], None),
        ([b'"wait=3'], None),
        ([b'note="wait=3'], None),
    ],
)
def test_a_wait_is_what_rfc_7240_says(values: list[bytes], seconds: int | None) -> None:
    assert wait_s(*values) == seconds


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_whatever_is_sent_is_a_wait_in_bounds_or_none(values: list[bytes]) -> None:
    assert wait_s(*values) in (None, *range(31))


@pytest.mark.parametrize("text", [b'"', b'\\"', b"wait ", b'a="', b";", b'"\\'])
@pytest.mark.timeout(5)
def test_a_long_header_is_read_in_linear_time(text: bytes) -> None:
    assert wait_s(text * (60_000 // len(text))) in (None, *range(31))
