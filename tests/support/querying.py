"""What tests of the query share: events put where a test wants them, the app, and its lists."""

import asyncio
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from lambda_query.app import App
from pipeline.core.clock import rfc3339
from pipeline.core.settings.query import AwsSettings, QuerySettings
from pipeline.core.ways import Via
from pipeline.events.delivery import Arrival, Delivery
from pipeline.events.event import parse
from pipeline.events.metadata import Metadata
from streams.dynamodb import DynamoStore
from streams.postgres import PostgresStore
from tests.support.running_system import System
from tests.support.storing import store_all

PAST = datetime(2019, 5, 6, 23, 59, 58, tzinfo=UTC)
RANGE = {"from": "2019-05-06T00:00:00Z", "to": "2019-06-30T00:00:00Z"}
DAY = {"from": "2019-05-06T00:00:00Z", "to": "2019-05-07T00:00:00Z"}
IDS = ["plain", "a/b", "50%", "ação", "é", "🙂", "\U0010fffd", "a b", "Z", "z", 'quote"', "back\\slash", "x" * 512]


@dataclass(frozen=True)
class Seed:
    """One event as a test puts it: where, and with which `received_at`."""

    delivery: Delivery
    received_at: str

    @property
    def place(self) -> tuple[str, str, str]:
        return self.received_at, *self.delivery.event.identity


def seed(source: str, id_: str, moment: datetime, via: Via = "sqs", **attributes: Any) -> Seed:
    event = {"specversion": "1.0", "id": id_, "source": source, "type": "seed", "data": {"n": 1}} | attributes
    origin = {"queue": "q", "message_id": "m"} if via == "sqs" else {"topic": "t", "partition": 0, "offset": 7}
    received_at = rfc3339(moment)
    body = json.dumps(event, ensure_ascii=False).encode()
    return Seed(
        Delivery(parse(body), Arrival(body, via, origin, received_at, metadata=Metadata(received_at))), received_at
    )


def seed_of(like: Seed, body: bytes) -> Seed:
    """The event in `body`, where and when `like` is."""
    arrival = msgspec.structs.replace(like.delivery.arrival, body=body)
    return Seed(Delivery(parse(body), arrival), like.received_at)


class Writers:
    """The services' own stores: what they write is what the query must read."""

    def __init__(self, endpoints: dict[str, str]) -> None:
        self.postgres = PostgresStore(endpoints["postgres"], connections=1, timeout_s=10)
        self.dynamodb = DynamoStore(endpoints["table"], calls=4)

    async def store(self, postgres: list[Seed], dynamodb: list[Seed]) -> None:
        await store_all(self.postgres, [each.delivery for each in postgres])
        await store_all(self.dynamodb, [each.delivery for each in dynamodb])

    async def close(self) -> None:
        await self.postgres.close()
        await self.dynamodb.close()


def settings(endpoints: dict[str, str], **changes: Any) -> QuerySettings:
    """The query on the system's stores; `changes` are settings, `dynamodb` its endpoint."""
    aws = AwsSettings(
        region=endpoints["region"],
        access_key=endpoints["access_key"],
        secret_key=endpoints["secret_key"],
        dynamodb_url=changes.pop("dynamodb", endpoints["dynamodb"]),
    )
    values: dict[str, Any] = {
        "query_postgres_url": endpoints["postgres"],
        "table": endpoints["table"],
        "cursor_key": "k" * 32,
    }
    return QuerySettings(**values | {"access": "open", "aws": aws} | changes)


def reading_url(system: System) -> str:
    """The URL of the query's own role: the packaged function has it too."""
    address = urlsplit(system.endpoints["postgres"])
    password = (system.home / "secrets" / "postgres-query").read_text()
    return f"postgresql://mensageria_query:{password}@{address.hostname}:{address.port}{address.path}"


async def get(app: App, path: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
    given = {name.rstrip("_"): value for name, value in parameters.items() if value is not None}
    http = {"requestContext": {"http": {"method": "GET"}}, "rawPath": path, "rawQueryString": urlencode(given)}
    response = await asyncio.to_thread(app, http | {"headers": {}})
    return response["statusCode"], json.loads(response["body"])


async def pages(app: App, **parameters: Any) -> list[dict[str, Any]]:
    """Every event of a list, page by page."""
    events: list[dict[str, Any]] = []
    cursor = None
    for _ in range(2000):
        status, page = await get(app, "/events", cursor=cursor, **parameters)
        assert status == 200, page
        assert (page["partial"], page["unavailable"]) == (False, [])
        assert len(page["events"]) <= int(parameters.get("limit", 50))
        events += page["events"]
        cursor = page["next"]
        if cursor is None:
            return events
    raise AssertionError("the list never ended")


def places(events: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(event["received_at"], event["source"], event["id"]) for event in events]


@dataclass(frozen=True)
class Model:
    """What both stores hold, and so what a list must show."""

    postgres: list[Seed]
    dynamodb: list[Seed]

    def listed(self, store: str) -> dict[tuple[str, str], Seed]:
        places: dict[tuple[str, str], Seed] = {}
        if store != "postgres":
            for each in sorted(self.dynamodb, key=lambda each: each.place, reverse=True):
                places[each.delivery.event.identity] = each
        if store != "dynamodb":
            places |= {each.delivery.event.identity: each for each in self.postgres}
        return places


def random_model(source: str, count: int) -> Model:
    """Events over some days: ties, quiet weeks, both stores or one, sources and ids of all kinds."""
    chance = random.Random(source)
    moments = [PAST + timedelta(microseconds=n) for n in (0, 0, 1, 2)]
    moments += [PAST + timedelta(seconds=n * 7) for n in range(6)]
    moments += [PAST + timedelta(days=n) for n in (1, 2, 30, 31, 50)]
    postgres: list[Seed] = []
    dynamodb: list[Seed] = []
    for number in range(count):
        id_ = f"{chance.choice(IDS)[: 512 - 4]}{number}" if number >= len(IDS) else IDS[number]
        from_ = f"{source}{chance.choice(['', '/é', '/🙂'])}"
        kind: dict[str, Any] = chance.choice([{}, {"subject": "s1"}, {"subject": "ção"}])
        moment, again = chance.choice(moments), chance.choice(moments)
        kind = kind | {"type": chance.choice(["one", "two"])}
        where = chance.random()
        if where < 0.8:
            postgres.append(seed(from_, id_, moment, **kind))
        if where > 0.2:
            dynamodb.append(seed(from_, id_, moment, "sqs", **kind))
        if where > 0.3:
            # Now and then the gateway was asked twice: the ways have different times.
            dynamodb.append(seed(from_, id_, chance.choice([moment, moment, again]), "kafka", **kind))
    return Model(postgres, dynamodb)
