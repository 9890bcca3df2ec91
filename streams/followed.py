"""Events whose journeys gateways follow: whom a service reports them to."""

import time
from collections.abc import Callable, Iterator

from pipeline.core.identity import Identity
from pipeline.events.receipts import FOLLOW_S, Follow

_MOST = 10_000
"""Follows that last, over all gateways; one beyond that is looked up once, and not reported later."""


class Followed:
    """Whom each followed event is reported to; false where none is followed."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._until: dict[Identity, dict[str, float]] = {}
        self._count = 0

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, follow: Follow) -> None:
        """Report the event to the address for FOLLOW_S from now on."""
        if self._count >= _MOST:
            self.expire()
        identity = (follow.source, follow.id)
        is_new = follow.reply_to not in self._until.get(identity, {})
        if is_new and self._count >= _MOST:
            return
        self._until.setdefault(identity, {})[follow.reply_to] = self._now() + FOLLOW_S
        self._count += is_new

    def addresses(self, identity: Identity) -> Iterator[str]:
        """The addresses that the event is reported to."""
        now = self._now()
        return (address for address, until in self._until.get(identity, {}).items() if until > now)

    def expire(self) -> None:
        """Let go of the follows that have lasted long enough."""
        now = self._now()
        lasting = {
            identity: left
            for identity, addresses in self._until.items()
            if (left := {address: until for address, until in addresses.items() if until > now})
        }
        self._until = lasting
        self._count = sum(map(len, lasting.values()))
