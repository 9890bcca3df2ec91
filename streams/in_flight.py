"""The messages between their receipt and their deletion: how many, how large, and hidden until when."""

import asyncio
import time
from collections.abc import Iterable

from pipeline.sqs import Message


class InFlight:
    """A bound on both their number and their bytes, and the moment when each would show up again."""

    def __init__(self, *, most_events: int, most_bytes: int) -> None:
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._hidden_until: dict[Message, float] = {}
        self._bytes = 0
        self._has_room = asyncio.Event()
        self._is_empty = asyncio.Event()
        self.removed = 0
        self._look()

    def __len__(self) -> int:
        return len(self._hidden_until)

    def add(self, messages: Iterable[Message], hidden_until: float) -> None:
        """Messages that were received; `hidden_until` is a time of the monotonic clock."""
        for message in messages:
            self._hidden_until[message] = hidden_until
            self._bytes += len(message.body)
        self._look()

    def remove(self, messages: Iterable[Message]) -> None:
        """Messages that were deleted or given back."""
        for message in messages:
            del self._hidden_until[message]
            self._bytes -= len(message.body)
            self.removed += 1
        self._look()

    def due(self, within_s: float) -> list[Message]:
        """Those that show up again in less than `within_s` seconds."""
        end = time.monotonic() + within_s
        return [message for message, until in self._hidden_until.items() if until < end]

    def hidden(self, messages: Iterable[Message], until: float) -> None:
        """The visibility of these messages was extended."""
        for message in messages:
            if message in self._hidden_until:
                self._hidden_until[message] = until

    def oldest_sent_ms(self) -> int | None:
        """When the oldest of them came into its queue, in milliseconds since 1970; None where there is none."""
        return min((message.sent_ms for message in self._hidden_until), default=None)

    @property
    def is_full(self) -> bool:
        """Whether no call may receive."""
        return not self._has_room.is_set()

    async def has_room(self) -> None:
        """Wait until one more call may receive: it can bring ten messages over the bound, and no more."""
        await self._has_room.wait()

    async def is_empty(self) -> None:
        """Wait until nothing is in flight."""
        await self._is_empty.wait()

    def _look(self) -> None:
        has_room = len(self._hidden_until) < self._most_events and self._bytes < self._most_bytes
        for event, is_so in ((self._has_room, has_room), (self._is_empty, not self._hidden_until)):
            event.set() if is_so else event.clear()
