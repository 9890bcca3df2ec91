"""The three ways: what others tell them apart by is different for each."""

from collections.abc import Callable

import pytest

from operations.connections import PLACES
from pipeline.core import comparison
from pipeline.core.ways import WAYS, Way
from web.events import journey


@pytest.mark.parametrize(
    "named", [lambda way: way.key, lambda way: way.name, lambda way: way.copy, lambda way: (way.store, way.via)]
)
def test_no_two_ways_have_the_same_name(named: Callable[[Way], object]) -> None:
    assert len({named(way) for way in WAYS}) == len(WAYS)


def test_what_derives_from_them_is_as_users_know_it() -> None:
    assert PLACES == ("b", "c", "kafka")
    assert comparison.COPIES == (None, "sqs", "kafka")
    assert journey.WAYS == {
        "postgres_sqs": ("gateway", "sns", "queue_b", "service_b", "postgres"),
        "dynamodb_sqs": ("gateway", "sns", "queue_c", "service_c", "dynamodb"),
        "dynamodb_kafka": ("gateway", "kafka", "service_c", "dynamodb"),
    }
