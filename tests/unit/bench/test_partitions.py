"""What was measured of the table's layouts is what decision 31 shows."""

from bench.studies import partitions
from bench.studies.layouts import LAYOUTS


def test_the_page_has_the_table_of_what_is_kept() -> None:
    found = partitions.kept()
    assert found
    page = partitions.PAGE.read_text()
    assert partitions.written(page, found) == page


def test_every_layout_was_measured_at_every_size() -> None:
    found = partitions.kept()
    assert found
    assert [(each.layout, each.rows) for each in found.measured] == [
        (layout, rows) for layout in LAYOUTS for rows in partitions.SIZES
    ]
