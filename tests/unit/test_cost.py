"""What AWS costs a month: the table of docs/aws.md."""

import pytest

from infra import cost


def test_the_page_has_the_table_that_the_prices_give() -> None:
    page = cost.PAGE.read_text()
    assert cost.table() in page
    assert cost.written(page) == page


@pytest.mark.parametrize(("fewer", "more"), [(10, 1_000), (1_000, 10_000)])
def test_more_events_cost_more_in_all_and_less_each(fewer: int, more: int) -> None:
    few, many = (sum(cost.month(rate, cost.prices()).values()) for rate in (fewer, more))
    assert few < many < few * more / fewer


def test_dynamodb_bills_both_ways_and_the_index() -> None:
    price = cost.prices()
    events = 1_000 * 730 * 3600
    units = cost.month(1_000, price)["DynamoDB"] - 2 * events * 2_500 / 2**30 * price["gib"]["dynamodb_storage_month"]
    assert units == pytest.approx(4 * events / 1e6 * 0.625)
