"""The client: several connections that publish events of one source until each is accepted."""

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from tests.chaos.journal import ACCEPTED, Journal, content_hash

_CONNECTIONS = 8
_BATCH_EVENTS = 10
_REQUEST_TIMEOUT_S = 15
_RETRY_S = 0.3
_LAST_RETRY_S = 60
"""After the load's end, how long what was not accepted is tried again."""
_STRUCTURED, _BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
Event = dict[str, Any]


@dataclass(frozen=True)
class Mix:
    """What is sent: shares of repeats and of other contents under a known id; who gives up."""

    per_s: float = 100.0
    repeats: float = 0.05
    conflicts: float = 0.01
    given_up: float = 0.1
    """Of the requests whose first try fails, the share that is not tried again."""
    poison_per_s: float = 1.0
    """Into each way, past the gateway."""


class Publishers:
    """Makes the events of `source` from a seed, and sends each, in batches or alone, until it is accepted.

    Some are given up after the first try that fails, as by a publisher that goes away.
    """

    def __init__(self, gateway: str, source: str, journal: Journal, mix: Mix, *, seed: int) -> None:
        self._url = f"{gateway}/events"
        self._source = source
        self._journal = journal
        self._mix = mix
        self._random = random.Random(seed)
        self._sent: list[Event] = []
        self._is_over = False
        self._left: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def load(self) -> AsyncIterator[None]:
        """Publish for as long as the block runs, and afterwards what was not accepted yet.

        Raises, in a group, what connections died of: the load was less than it was to be.
        """
        async with ClientSession(timeout=ClientTimeout(total=_REQUEST_TIMEOUT_S)) as http:
            self._http = http
            connections = [asyncio.create_task(self._connection()) for _ in range(_CONNECTIONS)]
            try:
                yield
            finally:
                self._is_over = True
                ended, self._left = await asyncio.wait(connections, timeout=_LAST_RETRY_S)
                for connection in self._left:
                    connection.cancel()
                died = [error for connection in ended if (error := connection.exception())]
            if died:
                raise BaseExceptionGroup("connections died", died)

    @property
    def is_stuck(self) -> bool:
        """Whether something was still not accepted 60 s after the load."""
        return bool(self._left)

    async def _connection(self) -> None:
        while not self._is_over:
            events = self._some()
            pause = asyncio.create_task(asyncio.sleep(len(events) * _CONNECTIONS / self._mix.per_s))
            # Drawn before it is known whether a try fails, so that a seed sends the same whatever fails.
            gives_up = self._random.random() < self._mix.given_up
            await self._publish(events, tries=1 if gives_up else None)
            await pause

    async def _publish(self, events: Sequence[Event], *, tries: int | None) -> None:
        """Send until it is accepted or refused, or `tries` times."""
        for attempt in itertools.count(1):
            status = await self._answer(events)
            if status == ACCEPTED or 400 <= status < 500 or attempt == tries:
                return
            await asyncio.sleep(_RETRY_S)  # as a client that was told to wait, though less than it was told

    async def _answer(self, events: Sequence[Event]) -> int:
        """The status of one request, 0 where no answer came."""
        content_type, body = (_STRUCTURED, events[0]) if len(events) == 1 else (_BATCH, events)
        attempt = self._journal.sending([(event["id"], content_hash(event)) for event in events])
        try:
            async with self._http.post(
                self._url, data=json.dumps(body), headers={"content-type": content_type}
            ) as answer:
                content = await answer.read()
        except (ClientError, OSError, TimeoutError) as error:
            self._journal.failed(attempt, error)
            return 0
        self._journal.answered(attempt, answer.status, content.count(b'"pending"'))
        return answer.status

    def _some(self) -> list[Event]:
        """One event or ten; no identity stands twice in a batch, which would be refused."""
        events = [self._next() for _ in range(self._random.choice((1, _BATCH_EVENTS)))]
        return list({event["id"]: event for event in events}.values())

    def _next(self) -> Event:
        draw = self._random.random()
        if self._sent and draw < self._mix.repeats:
            return self._random.choice(self._sent)
        if self._sent and draw < self._mix.repeats + self._mix.conflicts:
            return self._event(self._random.choice(self._sent)["id"])
        return self._event(f"{len(self._sent)}")

    def _event(self, id_: str) -> Event:
        data = {"number": self._random.getrandbits(40), "text": "olá " * self._random.randrange(20)}
        self._sent.append({"specversion": "1.0", "id": id_, "source": self._source, "type": "test.chaos", "data": data})
        return self._sent[-1]
