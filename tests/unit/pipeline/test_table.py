"""The keys of the DynamoDB table."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.table import (
    MAX_SORT_KEY_BYTES,
    SHARDS,
    bucket_key,
    bucket_of_day,
    copy_key,
    identity_key,
    position_key,
)
from pipeline.events.attributes import MAX_IDENTITY_BYTES

NAMES = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: len(text.encode()) <= MAX_IDENTITY_BYTES
)
MOMENT = "2026-11-23T15:24:00.000001Z"


def test_the_keys_are_readable() -> None:
    assert identity_key("urn:a", "1") == "urn:a\n1"
    assert copy_key("sqs", b"\x01\xff") == "sqs#01ff"
    assert position_key(MOMENT, "urn:a", "1") == f"{MOMENT}#urn:a\n1"
    assert bucket_key(MOMENT, "urn:a", "1") in {bucket_of_day("2026-11-23", shard) for shard in range(SHARDS)}


@given(NAMES, NAMES, NAMES, NAMES)
def test_identity_keys_sort_as_the_pairs_do(source: str, id_: str, other_source: str, other_id: str) -> None:
    pairs = (source.encode(), id_.encode()), (other_source.encode(), other_id.encode())
    keys = identity_key(source, id_).encode(), identity_key(other_source, other_id).encode()
    assert (keys[0] < keys[1]) == (pairs[0] < pairs[1])


def test_a_long_position_is_cut_between_characters() -> None:
    position = position_key(MOMENT, "é" * 256, "é" * 256)
    assert MAX_SORT_KEY_BYTES - 2 < len(position.encode()) <= MAX_SORT_KEY_BYTES
