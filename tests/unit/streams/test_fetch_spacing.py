"""How the fetches of the Kafka consumer are spaced."""

import time
from typing import Any

import pytest

from streams.fetch_spacing import FEW, FetchSpacing
from streams.pace import SPACING_S

FETCHES, RESETS = [("node", "request")], {"node": ["partition"]}


class Fetcher:
    """aiokafka's, as far as it is asked what to do."""

    def _get_actions_per_node(self, assignment: Any) -> tuple[Any, ...]:
        return FETCHES, RESETS, 5.0, assignment, []


def test_a_fetch_is_held_back_after_few_records_and_nothing_else_is() -> None:
    fetcher = Fetcher()
    FetchSpacing(fetcher).handed_over(1)
    fetches, resets, look_again_s, *others = fetcher._get_actions_per_node("assigned")
    assert fetches == []
    assert 0 < look_again_s <= SPACING_S
    assert (resets, others) == (RESETS, ["assigned", []])
    time.sleep(SPACING_S)
    assert fetcher._get_actions_per_node("assigned") == (FETCHES, RESETS, 5.0, "assigned", [])


@pytest.mark.parametrize("records", [0, FEW])
def test_no_fetch_is_held_back_after_none_or_many(records: int) -> None:
    fetcher = Fetcher()
    FetchSpacing(fetcher).handed_over(records)
    assert fetcher._get_actions_per_node("assigned") == (FETCHES, RESETS, 5.0, "assigned", [])
