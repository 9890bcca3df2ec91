"""The layouts that `python -m bench.studies.partitions` compares, on a real PostgreSQL."""

import pytest

from bench.studies import partitions
from bench.studies.layouts import LAYOUTS


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.parametrize("layout", LAYOUTS)
async def test_a_layout_takes_batches_gives_a_page_and_loses_its_oldest(layout: str) -> None:
    empty, filled = await partitions.measure(layout, (0, 20_000))
    assert (empty.rows, filled.rows) == (0, 20_000)
    assert all(rate > 0 for rate in empty.inserted_per_s + filled.inserted_per_s)
    assert all(cost > 0 for cost in filled.insert_us)
    assert filled.page_ms
    assert filled.remove_us
