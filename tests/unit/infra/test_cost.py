"""What AWS costs a month: the table of docs/aws.md."""

import math

import pytest

from bench import events
from infra import cost, template
from pipeline.core import table
from pipeline.core.ways import Via
from pipeline.events.delivery import Arrival, Delivery
from pipeline.events.event import parse
from pipeline.events.metadata import Metadata
from streams.dynamodb import _item
from tests.support.running_system import ROOT


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
    kept = 2 * events * 2_500 / 2**30
    units = cost.month(1_000, price)["DynamoDB"] - kept * (0.25 + 0.20)
    assert units == pytest.approx(2 * (2 + 1) * events / 1e6 * 0.625)


@pytest.mark.parametrize("via", ["sqs", "kafka"])
def test_an_item_takes_the_units_that_are_counted(via: Via) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
    item = _item(delivery(next(events.bodies()), via), "2026-11-23T15:24:01.123456Z")
    size = sum(len(name) + len(value["S"].encode()) for name, value in item.items())
    assert math.ceil(size / 1024) == cost.ITEM_UNITS
    projected = {table.IDENTITY, table.COPY, table.BUCKET, table.POSITION, *table.INDEXED} & set(item)
    entry = sum(len(name) + len(item[name]["S"].encode()) for name in projected)
    assert math.ceil(entry / 1024) == cost.ENTRY_UNITS


def delivery(body: bytes, via: Via) -> Delivery:
    """An event of the benchmark as a queue or a topic brings it."""
    origin = {"queue": "events-c", "message_id": "i" * 36} if via == "sqs" else {"topic": "events", "partition": 1}
    moment = "2026-11-23T15:24:00.123456Z"
    arrival = Arrival(
        body=body,
        via=via,
        origin=origin,
        first_seen=moment,
        attempts=1,
        metadata=Metadata(moment, "shop", events.traceparent(1)),
    )
    return Delivery(parse(body), arrival)


def test_a_disk_holds_what_is_kept_before_anyone_is_woken() -> None:
    broker, database = cost.disks(1_000)
    assert broker * 0.6 >= 1_000 * 14 * 86_400 * 1_024 / 2**30
    assert database * 0.8 >= 1_000 * 30 * 86_400 * 2_500 / 2**30
    assert cost.disks(1) == (200, 200)


def test_every_alarm_and_endpoint_is_counted() -> None:
    loops = {"Way": 2, "Name": 4, "Broker": 3}
    alarms = 0
    for name, resource in template.parsed((ROOT / "infra" / "services.yaml").read_text())["Resources"].items():
        found = resource[2].values() if name.startswith("Fn::ForEach") else [resource]
        times = loops[resource[0]] if name.startswith("Fn::ForEach") and resource[0] in loops else 1
        alarms += times * sum(each["Type"] == "AWS::CloudWatch::Alarm" for each in found)
    endpoints = template.parsed((ROOT / "infra" / "data.yaml").read_text())["Parameters"]["Endpoints"]["Default"]
    assert (alarms, len(endpoints.split(","))) == (cost._ALARMS, cost._ENDPOINTS)
