"""`GET /events` as one writes it with Powertools: models for what goes in and out, a client a store."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.conditions import Key
from pg8000.native import Connection
from pydantic import BaseModel

from pipeline.core.settings import read
from pipeline.core.settings.query import QuerySettings
from pipeline.core.table import BUCKET, BY_TIME, SHARDS, bucket_of_day

_NEWEST = """
select source, id, type, subject, "time"::text, received_at, event::text
from events order by received_at desc, source desc, id desc limit :limit
"""

settings = read(QuerySettings)
logger = Logger(service="query")
app = APIGatewayHttpResolver(enable_validation=True)
table = boto3.resource("dynamodb").Table(settings.table)
address = urlsplit(settings.query_postgres_url)
connection = Connection(
    user=unquote(address.username or ""),
    password=unquote(address.password or ""),
    host=address.hostname,
    port=address.port or 5432,
    database=address.path.lstrip("/"),
)


class Listed(BaseModel):
    """One event of a list."""

    source: str
    id: str
    type: str
    subject: str | None
    time: str | None
    received_at: datetime
    event: dict[str, Any]
    stores: list[str]


class Page(BaseModel):
    """The answer."""

    events: list[Listed]


@app.get("/events")  # type: ignore[untyped-decorator]
def newest(limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Page:
    """The newest events of both stores."""
    there = _in_dynamodb(limit)
    rows = connection.run(_NEWEST, limit=limit)
    return Page(events=[_listed(row, there) for row in rows])


def _listed(row: list[Any], there: set[tuple[str, str]]) -> Listed:
    source, id_, type_, subject, time, received_at, event = row
    stores = ["postgres", "dynamodb"] if (source, id_) in there else ["postgres"]
    return Listed(
        source=source,
        id=id_,
        type=type_,
        subject=subject,
        time=time,
        received_at=received_at,
        event=json.loads(event),
        stores=stores,
    )


def _in_dynamodb(limit: int) -> set[tuple[str, str]]:
    today = datetime.now(UTC)
    found: set[tuple[str, str]] = set()
    for day in (today, today - timedelta(days=1)):
        for shard in range(SHARDS):
            is_bucket = Key(BUCKET).eq(bucket_of_day(f"{day:%Y-%m-%d}", shard))
            request = {"KeyConditionExpression": is_bucket, "ScanIndexForward": False, "Limit": 2 * limit}
            items = table.query(IndexName=BY_TIME, **request)["Items"]
            found |= {tuple(item["identity"].split("\n")) for item in items}
    return found


@logger.inject_lambda_context  # type: ignore[untyped-decorator]
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """What Lambda calls."""
    answer: dict[str, Any] = app.resolve(event, context)
    return answer
