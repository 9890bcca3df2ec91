"""What a test sends, and by which ways: straight into the topic and the queues, so that it may be poison too."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aioboto3
from aiokafka import AIOKafkaProducer

CALL_EVENTS = 10
Outlet = Callable[[Sequence[bytes]], Awaitable[None]]


@dataclass
class Sent:
    """What was sent from one source: the contents of each id, and what is no event."""

    source: str
    contents: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    poison: list[bytes] = field(default_factory=list)

    @property
    def conflicts(self) -> int:
        """How many contents came after the first one of their id."""
        return sum(len(contents) - 1 for contents in self.contents.values())


@dataclass(frozen=True)
class Mix:
    """Shares of what is sent that are a duplicate, poison, or another content of a known id."""

    duplicates: float = 0.0
    poison: float = 0.0
    conflicts: float = 0.0


class Sender:
    """Makes events from a seed and sends each by every outlet until that has it."""

    def __init__(self, source: str, outlets: Sequence[Outlet], *, seed: int, mix: Mix | None = None) -> None:
        self.sent = Sent(source)
        self._outlets = outlets
        self._random = random.Random(seed)
        self._mix = mix or Mix()

    async def send(self, count: int) -> None:
        """Send `count` bodies, ten at a time."""
        for start in range(0, count, CALL_EVENTS):
            bodies = [self._next() for _ in range(min(CALL_EVENTS, count - start))]
            await asyncio.gather(*(_until_sent(outlet, bodies) for outlet in self._outlets))

    @asynccontextmanager
    async def load(self, *, per_s: float) -> AsyncIterator[None]:
        """Send at most `per_s` a second for as long as the block runs."""
        ended = asyncio.Event()
        task = asyncio.create_task(self._send_until(ended, CALL_EVENTS / per_s))
        try:
            yield
        finally:
            ended.set()
            await task

    async def _send_until(self, ended: asyncio.Event, interval_s: float) -> None:
        while not ended.is_set():
            pause = asyncio.create_task(asyncio.sleep(interval_s))
            await self.send(CALL_EVENTS)
            await pause

    def _next(self) -> bytes:
        mix, draw = self._mix, self._random.random()
        if draw < mix.poison:
            return self._poison()
        if draw < mix.poison + mix.duplicates and self.sent.contents:
            return json.dumps(self._random.choice(self._known())[0]).encode()
        if draw < mix.poison + mix.duplicates + mix.conflicts and self.sent.contents:
            contents = self._random.choice(self._known())
            contents.append(self._event(contents[0]["id"]))
            return json.dumps(contents[-1]).encode()
        event = self._event(str(len(self.sent.contents)))
        self.sent.contents[event["id"]] = [event]
        return json.dumps(event).encode()

    def _known(self) -> list[list[dict[str, Any]]]:
        return list(self.sent.contents.values())

    def _event(self, id_: str) -> dict[str, Any]:
        data = {"number": self._random.random(), "text": "olá " * self._random.randrange(20)}
        return {"specversion": "1.0", "id": id_, "source": self.sent.source, "type": "test.chaos", "data": data}

    def _poison(self) -> bytes:
        number = len(self.sent.poison)
        kinds = (f'{{"source": "{self.sent.source}", {number}', f'{{"source": "{self.sent.source}", "id": "{number}"}}')
        self.sent.poison.append(self._random.choice(kinds).encode())
        return self.sent.poison[-1]


async def _until_sent(outlet: Outlet, bodies: Sequence[bytes]) -> None:
    """What was sent and not acknowledged is sent again, as a publisher does."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await outlet(bodies)
            except Exception:  # noqa: BLE001 - whatever a fault makes of it
                await asyncio.sleep(0.2)


@asynccontextmanager
async def both_legs(endpoints: dict[str, str]) -> AsyncIterator[list[Outlet]]:
    """The SNS topic and the Kafka topic, as the gateway uses them."""
    kafka = AIOKafkaProducer(bootstrap_servers=endpoints["kafka"], acks="all", enable_idempotence=True)
    async with aioboto3.Session().client("sns", endpoint_url=endpoints["aws"]) as sns, kafka:

        async def to_sns(bodies: Sequence[bytes]) -> None:
            entries: Any = [{"Id": str(index), "Message": body.decode()} for index, body in enumerate(bodies)]
            answer = await sns.publish_batch(TopicArn=endpoints["topic_arn"], PublishBatchRequestEntries=entries)
            if answer.get("Failed"):
                raise ConnectionError(answer["Failed"])

        async def to_kafka(bodies: Sequence[bytes]) -> None:
            sent = [await kafka.send(endpoints["kafka_topic"], body, key=str(hash(body)).encode()) for body in bodies]
            await asyncio.gather(*sent)

        yield [to_sns, to_kafka]


@asynccontextmanager
async def own_queues(endpoints: dict[str, str], name: str) -> AsyncIterator[tuple[str, str, Outlet]]:
    """A queue with its dead-letter queue, for workers of a test's own: their URLs, and an outlet to the first."""
    async with aioboto3.Session().client("sqs", endpoint_url=endpoints["aws"]) as sqs:
        urls = [(await sqs.create_queue(QueueName=each))["QueueUrl"] for each in (name, f"{name}-dead-letters")]

        async def to_queue(bodies: Sequence[bytes]) -> None:
            entries: Any = [{"Id": str(index), "MessageBody": body.decode()} for index, body in enumerate(bodies)]
            await sqs.send_message_batch(QueueUrl=urls[0], Entries=entries)

        yield urls[0], urls[1], to_queue
        for url in urls:
            await sqs.delete_queue(QueueUrl=url)
