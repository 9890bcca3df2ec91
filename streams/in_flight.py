"""The messages between their receipt and their deletion: how many, how large, and hidden until when."""

import asyncio
import gc
import time
from collections.abc import Iterable

from pipeline.clients.sqs import CALL_MESSAGES, Message

_LARGE_CHARACTERS = 16_384
"""Of a message: those that are smaller come in such numbers that the garbage collector does by itself."""


class InFlight:
    """A bound on their number, their bytes and their age, and the moment when each would show up again.

    Where the oldest is older than `longest_s`, the store is slow or away: what would be received
    on top could only wait here, be hidden again and again, and be out of other workers' reach.
    """

    def __init__(self, *, most_events: int, most_bytes: int, longest_s: float) -> None:
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._longest_s = longest_s
        self._hidden_until: dict[Message, float] = {}
        self._since: dict[Message, float] = {}
        self._leaving: set[Message] = set()
        self._asked = 0
        self._bytes = 0
        self._let_go_bytes = 0
        self._some_left = asyncio.Event()
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self.removed = 0

    def __len__(self) -> int:
        return len(self._hidden_until)

    def add(self, messages: Iterable[Message], hidden_until: float) -> None:
        """Messages that were received; `hidden_until` is a time of the monotonic clock."""
        now = time.monotonic()
        for message in messages:
            self._hidden_until[message] = hidden_until
            self._since[message] = now
            self._bytes += message.held_characters
        self._is_empty.clear()

    def remove(self, messages: Iterable[Message]) -> None:
        """Messages that were deleted or given back."""
        for message in messages:
            del self._hidden_until[message], self._since[message]
            self._leaving.discard(message)
            size = message.held_characters
            self._bytes -= size
            self._let_go_bytes += size if size > _LARGE_CHARACTERS else 0
            self.removed += 1
        self._some_left.set()
        if not self._hidden_until:
            self._is_empty.set()
        if self._let_go_bytes > self._most_bytes / 2:
            # They are held by cycles, and so few objects that the collector would not come for hundreds of them.
            self._let_go_bytes = 0
            gc.collect()

    def due(self, within_s: float) -> list[Message]:
        """Those that show up again in less than `within_s` seconds, and are not leaving."""
        end = time.monotonic() + within_s
        leaving = self._leaving
        return [message for message, until in self._hidden_until.items() if until < end and message not in leaving]

    def leave(self, messages: Iterable[Message]) -> list[Message]:
        """Those of `messages` that nobody else deletes or gives back: from now on the caller does."""
        staying = [message for message in messages if message in self._hidden_until and message not in self._leaving]
        self._leaving.update(staying)
        return staying

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
        """Whether nothing more may be received."""
        oldest = next(iter(self._since.values()), None)
        is_slow = oldest is not None and time.monotonic() - oldest > self._longest_s
        return is_slow or len(self._since) >= self._most_events or self._bytes >= self._most_bytes

    async def wait_for_room(self) -> None:
        """Wait until one more call may receive, and begin it: all together bring ten messages too many at most."""
        while self.is_full or self._is_asked_for():
            self._some_left.clear()
            await self._some_left.wait()
        self._asked += CALL_MESSAGES

    def was_answered(self) -> None:
        """A call to receive has ended, and what it brought was added."""
        self._asked -= CALL_MESSAGES
        self._some_left.set()

    def _is_asked_for(self) -> bool:
        """Whether the calls under way may bring as much as there is room for, by the mean size of what is there."""
        held = len(self._since)
        expected_bytes = self._asked * self._bytes / held if held else 0
        return held + self._asked >= self._most_events or self._bytes + expected_bytes >= self._most_bytes

    async def wait_until_empty(self) -> None:
        """Wait until nothing is in flight."""
        await self._is_empty.wait()
