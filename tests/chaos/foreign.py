"""Records that only other clients than the gateway write: the fault "foreign records".

Codecs, transactions that are committed or aborted (and so control records), headers, keys and
timestamps of any kind, tombstones, binary mode; good ones and bad ones. No batch that can't be
decoded is among them: its letter has nothing by which the journal could know it.
"""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.chaos.journal import Journal, content_hash
from tests.chaos.rig import Rig
from tests.chaos.schedule import Fault
from tests.support.foreign_records import CODECS, producing, put

WHAT = "foreign records"
BY_KAFKA = ("service-c", "kafka")
_PER_S = 10
_RETRY_S = 0.3
_LAST_RETRY_S = 60
_TRANSACTION_MS = 10_000
"""What a transaction that nobody ends holds up."""
_HEADERS: Sequence[tuple[str, bytes | None]] = (
    ("\udcff", b"1"),
    ("null", None),
    ("twice", b"1"),
    ("twice", b"\xff"),
    ("", b""),
    ("received_at", b"garbage"),
)
_TIMESTAMPS = (None, -1, 0, -(10**14))
"""None of them is a time that an event is stored under: the checker looks for those of the run."""
Headers = list[tuple[str, bytes | None]]


class ForeignRecords:
    """Writes records of `source` and notes in `journal` what has to come of each."""

    def __init__(self, rig: Rig, source: str, journal: Journal, *, seed: int) -> None:
        self._servers = rig.endpoints["kafka"]
        self._topic = rig.endpoints["kafka_topic"]
        self._source = source
        self._journal = journal
        self._random = random.Random(seed)
        self._number = 0

    async def write(self, fault: Fault) -> None:
        """Write for as long as `fault` lasts. Raises TimeoutError where the broker takes one for a minute not."""
        end = time.monotonic() + fault.for_s
        while time.monotonic() < end:
            is_kept, transactional = self._random.random() < 0.7, self._random.random() < 0.3
            value, headers, key = self._record(is_noted=is_kept or not transactional)
            async with asyncio.timeout(_LAST_RETRY_S):
                if transactional:
                    await _until_done(lambda v=value, h=headers, k=is_kept: self._in_transaction(v, h, keep=k))  # type: ignore[misc]
                else:
                    await _until_done(lambda v=value, h=headers, k=key: self._alone(v, h, k))  # type: ignore[misc]
            await asyncio.sleep(1 / _PER_S)

    def _record(self, *, is_noted: bool) -> tuple[bytes | None, Headers, bytes]:
        """A value, headers and a key; what has to come of it is noted unless nothing has."""
        self._number += 1
        id_, draw = f"foreign-{self._number}", self._random.random()
        event = {"specversion": "1.0", "id": id_, "source": self._source, "type": "test.chaos"}
        key, headers = f"{self._source} {id_}".encode(), list(_HEADERS)
        if draw < 0.4:
            content: dict[str, Any] = event | {"data": {"n": self._number}}
            value: bytes | None = json.dumps(content).encode()
        elif draw < 0.7:
            content = event | {"datacontenttype": "application/json", "data": {"n": self._number}}
            value = json.dumps(content["data"]).encode()
            headers += [("content-type", b"application/json")]
            headers += [(f"ce_{name}", text.encode()) for name, text in event.items()]
        else:
            value = None if draw > 0.9 else b"no event \xff " + key
            if is_noted:
                self._journal.poison(key if value is None else value, BY_KAFKA)
            return value, headers, key
        if is_noted:
            self._journal.foreign(id_, content_hash(content))
        return value, headers, key

    async def _alone(self, value: bytes | None, headers: Headers, key: bytes) -> None:
        async with producing(self._servers) as producer:
            await put(
                producer,
                self._topic,
                value,
                partition=self._random.randrange(4),
                key=key,
                headers=headers,
                timestamp=self._random.choice(_TIMESTAMPS),
                codec=self._random.choice(list(CODECS)),
            )

    async def _in_transaction(self, value: bytes | None, headers: Headers, *, keep: bool) -> None:
        """A try that fails leaves a transaction that the next one, with the same id, aborts."""
        async with producing(
            self._servers, transactional_id=self._source, transaction_timeout_ms=_TRANSACTION_MS
        ) as producer:
            await producer.begin_transaction()
            await self._send(producer, value, headers)
            await (producer.commit_transaction if keep else producer.abort_transaction)()

    async def _send(self, producer: AIOKafkaProducer, value: bytes | None, headers: Headers) -> None:
        key = f"{self._source} foreign-{self._number}".encode()
        named = [each for each in headers if each[0].isascii()]  # its writer knows names in UTF-8 alone
        partition = self._random.randrange(4)
        await producer.send_and_wait(self._topic, value, key=key, headers=named, partition=partition)


async def _until_done(write: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await write()
        except KafkaError:
            await asyncio.sleep(_RETRY_S)
        else:
            return
