"""Which days a list looks into: those that have events, whatever their time, and no other."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra import days
from lambda_query.app import App
from lambda_query.aws_calls import AwsCalls
from pipeline.clients.aws import client
from pipeline.core import table
from pipeline.core.clock import now
from streams.dynamodb import DynamoStore
from tests.support.querying import Writers, get, pages, seed
from tests.support.storing import store_all

EVENTS = [
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2024, 2, 29, 12, tzinfo=UTC),
]


def moments() -> list[datetime]:
    return [*EVENTS, now(), now() + timedelta(days=7), datetime(9999, 12, 31, 12, tzinfo=UTC)]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("store", ["both", "dynamodb"])
async def test_a_list_without_a_range_finds_an_event_of_any_time(
    app: App, writers: Writers, source: str, store: str, order: str
) -> None:
    seeds = [seed(source, str(number), moment) for number, moment in enumerate(moments())]
    await writers.store(seeds[:3] if store == "both" else [], seeds)
    found = [event["id"] for event in await pages(app, source=source, store=store, order=order, limit=2)]
    assert found == [str(number) for number in range(len(seeds))][:: 1 if order == "asc" else -1]


async def test_a_quiet_century_costs_nothing(app: App, writers: Writers, source: str, calls: list[str]) -> None:
    await writers.store([], [seed(source, "1", datetime(2150, 1, 1, tzinfo=UTC))])
    calls.clear()
    asked: dict[str, Any] = {"store": "dynamodb", "from": "2100-01-01T00:00:00Z", "to": "2250-01-01T00:00:00Z"}
    status, page = await get(app, "/events", **asked, limit=1)
    assert (status, [event["id"] for event in page["events"]]) == (200, ["1"])
    assert calls.count("Query") <= 1 + table.SHARDS + 2


async def test_a_table_without_days_gets_them_by_one_command(
    app: App, aws: dict[str, str], writers: Writers, source: str
) -> None:
    day = datetime(2003, 3, 3, tzinfo=UTC)
    await writers.store([], [seed(source, "1", day)])
    async with client("dynamodb") as dynamodb:
        await dynamodb.delete_item(TableName=aws["table"], Key=table.day_item("2003-03-03"))
    asked = {"store": "dynamodb", "source": source}
    assert await pages(app, **asked) == []
    assert await days.write(aws["table"], day.date() - timedelta(2), day.date() + timedelta(2)) == ["2003-03-03"]
    assert [event["id"] for event in await pages(app, **asked)] == ["1"]


async def test_a_day_is_written_once_and_again_after_a_failure(
    aws: dict[str, str], source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DynamoStore(aws["table"], calls=4, retention_days=30)
    written: list[str] = []
    put = store._days._put

    async def counted(items: list[dict[str, Any]]) -> set[tuple[str, str]]:
        written.extend(item[table.COPY]["S"] for item in items)
        return await put(items)

    monkeypatch.setattr(store._days, "_put", counted)
    moment = datetime(2004, 4, 4, tzinfo=UTC)
    try:
        for number in range(3):
            await store.store([seed(source, str(number), moment + timedelta(hours=number)).delivery])
        assert written == ["2004-04-04"]
        store._days.forget()
        await store_all(store, [seed(source, str(number), moment + timedelta(number)).delivery for number in range(60)])
        assert len(written) == 61
    finally:
        await store.close()
    async with client("dynamodb") as dynamodb:
        key = table.day_item("2004-04-04")
        item = (await dynamodb.get_item(TableName=aws["table"], Key=key))["Item"]
    assert int(item["expires_at"]["N"]) >= moment.timestamp() + 45 * 86_400


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations that the query asks DynamoDB for."""
    seen: list[str] = []
    send = AwsCalls._at_once

    def noting(self: AwsCalls, operation: str, contents: list[bytes]) -> Any:
        seen.extend([operation] * len(contents))
        return send(self, operation, contents)

    monkeypatch.setattr(AwsCalls, "_at_once", noting)
    return seen
