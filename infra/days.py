"""`python -m infra.days TABLE FROM`: write the days that a table has events of, where it is older than that rule.

Once, after service C was deployed anew; the SDK's own settings name the account. Safe to repeat, and to break off.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from pipeline.clients.aws import Endpoint, client
from pipeline.core import clock, table


async def write(table_name: str, first: date, last: date, endpoint: Endpoint | None = None) -> list[str]:
    """Write the day of each event from `first` to `last`; the days that were found."""
    found: list[str] = []
    async with client("dynamodb", endpoint) as dynamodb:
        for day in _days(first, last):
            if await _has_events(dynamodb, table_name, day):
                await dynamodb.put_item(TableName=table_name, Item=table.day_item(day))
                found.append(day)
    return found


async def _has_events(dynamodb: Any, table_name: str, day: str) -> bool:
    requests = (_first_of(table_name, table.bucket_of_day(day, shard)) for shard in range(table.SHARDS))
    answers = await asyncio.gather(*(dynamodb.query(**request) for request in requests))
    return any(answer["Count"] for answer in answers)


def _first_of(table_name: str, bucket: str) -> dict[str, Any]:
    return {
        "TableName": table_name,
        "IndexName": table.BY_TIME,
        "KeyConditionExpression": "#bucket = :bucket",
        "ExpressionAttributeNames": {"#bucket": table.BUCKET},
        "ExpressionAttributeValues": {":bucket": {"S": bucket}},
        "Select": "COUNT",
        "Limit": 1,
    }


def _days(first: date, last: date) -> Iterator[str]:
    return ((first + timedelta(number)).isoformat() for number in range((last - first).days + 1))


def main() -> None:
    """Carry out the command."""
    parser = argparse.ArgumentParser(prog="python -m infra.days", description=__doc__)
    parser.add_argument("table")
    parser.add_argument("since", metavar="FROM", type=date.fromisoformat, help="the first day to look into: 2026-01-31")
    arguments = parser.parse_args()
    found = asyncio.run(write(arguments.table, arguments.since, clock.now().date()))
    sys.stdout.write(f"{len(found)} days have events\n")


if __name__ == "__main__":
    main()
