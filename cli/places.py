"""The places that the tools reach into: queues, topic, dead letters and stores, each opened when it is used."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from cli.addresses import Addresses
from cli.dynamodb import Items
from cli.postgres import Rows
from pipeline.aws import client
from pipeline.dead_letter_queue import DeadLetterQueue
from pipeline.dead_letter_topic import DeadLetterTopic
from pipeline.dead_letters import Place, Reading
from pipeline.outlets import Outlet, QueueOutlet, TopicOutlet, producing
from pipeline.settings import QueueSettings, StoreSettings
from pipeline.sqs import Queue

PLACES: tuple[Place, ...] = ("b", "c", "kafka")
_SERVICES = {"b": "service-b", "c": "service-c"}


@asynccontextmanager
async def open_queue(addresses: Addresses, name: Literal["b", "c"], *, dead: bool = False) -> AsyncIterator[Queue]:
    """Queue b or c, or the dead-letter queue of it."""
    settings = addresses.read(QueueSettings)
    urls = {
        ("b", False): settings.queue_b_url,
        ("c", False): settings.queue_c_url,
        ("b", True): settings.dead_letter_b_url,
        ("c", True): settings.dead_letter_c_url,
    }
    async with client("sqs", addresses.sqs) as sqs:
        yield Queue(sqs, urls[name, dead])


@asynccontextmanager
async def open_dead_letters(addresses: Addresses, place: Place) -> AsyncIterator[Reading]:
    """A reading of the dead letters of `place`. Raises QueueUnavailable."""
    if place == "kafka":
        async with DeadLetterTopic(addresses.read(QueueSettings).kafka).open() as reading:
            yield reading
        return
    async with (
        open_queue(addresses, place) as origin,
        open_queue(addresses, place, dead=True) as queue,
        DeadLetterQueue(place, queue, origin, _SERVICES[place]).open() as reading,
    ):
        yield reading


@asynccontextmanager
async def open_outlet(addresses: Addresses, place: Place) -> AsyncIterator[Outlet]:
    """Where events are sent for the consumer of `place` alone. Raises QueueUnavailable."""
    if place == "kafka":
        kafka = addresses.read(QueueSettings).kafka
        async with producing(kafka) as producer:
            yield TopicOutlet(producer, kafka.topic)
        return
    async with open_queue(addresses, place) as queue:
        yield QueueOutlet(queue)


@asynccontextmanager
async def open_stores(addresses: Addresses) -> AsyncIterator[tuple[Rows, Items]]:
    """PostgreSQL's rows and DynamoDB's items. Each call raises StoreUnavailable."""
    settings = addresses.read(StoreSettings)
    async with client("dynamodb", addresses.dynamodb) as dynamodb, Rows.connected(settings.postgres_url) as rows:
        yield rows, Items(dynamodb, settings.table)
