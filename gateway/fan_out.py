"""Both legs at once; the answer waits for both."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Literal, Protocol, Self

from gateway.publication import Publication
from pipeline.errors import LegUnavailable
from pipeline.metrics import GatewayMetrics

Outcome = dict[str, Literal["stored", "failed"]]
"""What each leg, by name, did with an event."""

_CHECK_TIMEOUT_S = 1.0
_FLUSH_TIMEOUT_S = 1.0
"""Requests have ended when the legs are closed: only those of vanished clients are left."""


class Leg(Protocol):
    """One of the gateway's publications. Entered, it connects by itself, now or later."""

    name: str

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *error: object) -> None: ...

    async def publish(self, publication: Publication) -> None:
        """Return once the leg has it; raises LegUnavailable. The caller sets the deadline by cancelling."""

    async def check(self) -> None:
        """Raises LegUnavailable where the leg can't be reached or its topic is missing."""


class FanOut:
    """Publishes through every leg and says what each did."""

    def __init__(self, legs: Sequence[Leg], timeout_s: float, metrics: GatewayMetrics) -> None:
        self._legs = legs
        self._timeout_s = timeout_s
        self._metrics = metrics
        self._under_way: set[asyncio.Task[Outcome]] = set()
        self._open_legs = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for leg in self._legs:
            await self._open_legs.enter_async_context(leg)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=_FLUSH_TIMEOUT_S)
        await self._open_legs.aclose()

    async def publish(self, publication: Publication) -> Outcome:
        """What each leg did with the publication, after at most the legs' deadline.

        Once begun it ends, though its caller is cancelled: a client that goes away
        should not leave an event in one leg alone.
        """
        task = asyncio.create_task(self._through_all(publication))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def check(self) -> dict[str, str | None]:
        """For each leg why it can't take events now, or None where it can."""
        checks = await asyncio.gather(*(self._check(leg) for leg in self._legs))
        return {leg.name: fault for leg, fault in zip(self._legs, checks, strict=True)}

    async def _through_all(self, publication: Publication) -> Outcome:
        stored = await asyncio.gather(*(self._through(leg, publication) for leg in self._legs))
        return {leg.name: "stored" if ok else "failed" for leg, ok in zip(self._legs, stored, strict=True)}

    async def _through(self, leg: Leg, publication: Publication) -> bool:
        try:
            async with asyncio.timeout(self._timeout_s):
                await leg.publish(publication)
        except (LegUnavailable, TimeoutError):
            self._metrics.published[leg.name, "failed"].inc()
            return False
        self._metrics.published[leg.name, "stored"].inc()
        return True

    async def _check(self, leg: Leg) -> str | None:
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                await leg.check()
        except LegUnavailable as error:
            return str(error)
        except TimeoutError:
            return f"{leg.name}: no answer within {_CHECK_TIMEOUT_S:g} s"
        return None
