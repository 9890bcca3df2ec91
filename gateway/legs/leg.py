"""One of the gateway's two publications, and what became of an event in both."""

import asyncio
from typing import Literal, NamedTuple, Protocol, Self

from gateway.publication import Publication

Legs = dict[str, Literal["stored", "pending", "failed", "not_tried"]]
"""What became of an event in each leg, by its name. `pending`: the other leg's broker holds it for this one."""


SPACING_S = 0.02
"""Least time between two calls to a broker, unless the second is full: one event alone goes at once.

A call costs the gateway, the broker and whoever receives from it far more than one more event in it. Both legs
begin their calls together, so that the process is woken once for both."""
TICK_S = 0.001
"""uvloop's timers end up to so much early."""


class Outcome(NamedTuple):
    """What became of an event; `retry_after_s` is 0 where it was accepted, or where a leg refused it: `refusal`."""

    legs: Legs
    retry_after_s: float = 0.0
    refusal: str = ""


class Leg(Protocol):
    """One of the gateway's publications. Entered, it connects by itself, now or later.

    Each future ends once the broker has acknowledged, or with LegRefused or LegUnavailable; the caller
    may set the latter at its deadline.
    """

    name: str

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *error: object) -> None: ...

    def publish(self, publication: Publication) -> asyncio.Future[None]:
        """Publish to this leg's topic."""

    def can_hold(self, publication: Publication) -> bool:
        """Whether the broker can keep the publication for the other leg."""

    def hold(self, publication: Publication) -> asyncio.Future[None]:
        """Have the broker, which has the publication already, keep it for the other leg."""

    def publish_held(self, publication: Publication) -> list[asyncio.Future[None]]:
        """Publish, and have the broker keep it for the other leg: done when each future is."""

    async def check(self) -> None:
        """Raises LegUnavailable where the leg can't be reached or its topic is missing."""
