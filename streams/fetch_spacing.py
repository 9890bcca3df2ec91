"""Fetches of the Kafka consumer that bring more records each: as the bridge's receipts of a queue.

aiokafka fetches again as soon as what it has was taken, and a broker answers with the first record that
comes. At some hundred events a second a fetch brings one or two, and costs the broker and the consumer's two
threads many times what a record does.
"""

import math
import time
from typing import Any

from streams.pace import SPACING_S

FEW = 25
"""Fewer than a call to DynamoDB takes."""


class FetchSpacing:
    """Holds back the fetches of `fetcher`, aiokafka's; what it has fetched is handed over at once."""

    def __init__(self, fetcher: Any) -> None:
        self._actions = fetcher._get_actions_per_node
        self._next_at = -math.inf
        fetcher._get_actions_per_node = self._spaced

    def handed_over(self, records: int) -> None:
        """So many records of a fetch were handed over."""
        if 0 < records < FEW:
            self._next_at = time.monotonic() + SPACING_S

    def _spaced(self, assignment: Any) -> tuple[Any, ...]:
        """What the fetcher is to do now, and after how many seconds it looks again at the latest."""
        fetches, resets, look_again_s, *others = self._actions(assignment)
        left_s = self._next_at - time.monotonic()
        if fetches and left_s > 0:
            return [], resets, min(look_again_s, left_s), *others
        return fetches, resets, look_again_s, *others
