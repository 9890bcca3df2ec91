"""Both legs at once; the answer waits for both."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Literal, NamedTuple, Protocol, Self

from gateway.breaker import Breaker
from gateway.deadlines import Deadlines
from gateway.publication import Publication
from pipeline.errors import LegRefused, LegUnavailable
from pipeline.metrics import GatewayMetrics

Legs = dict[str, Literal["stored", "failed", "not_tried"]]
"""What each leg, by name, did with an event."""

_CHECK_TIMEOUT_S = 1.0
_PROBE_WAIT_S = 1.0


class Outcome(NamedTuple):
    """What became of an event; `retry_after_s` is 0 where it is in every leg, or where one refused it: `refusal`."""

    legs: Legs
    retry_after_s: float = 0.0
    refusal: str = ""


class Leg(Protocol):
    """One of the gateway's publications. Entered, it connects by itself, now or later."""

    name: str

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *error: object) -> None: ...

    def publish(self, publication: Publication) -> asyncio.Future[None]:
        """Ends once the leg has it, or with LegRefused or LegUnavailable, which the caller may set at its deadline."""

    async def check(self) -> None:
        """Raises LegUnavailable where the leg can't be reached or its topic is missing."""


class FanOut:
    """Publishes through every leg and says what each did."""

    def __init__(self, legs: Sequence[Leg], timeout_s: float, metrics: GatewayMetrics) -> None:
        self._legs = legs
        self._breakers = [Breaker() for _ in legs]
        self._deadlines = Deadlines(timeout_s)
        self._metrics = metrics
        self._stored = Outcome({leg.name: "stored" for leg in legs})
        self._open_legs = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for leg in self._legs:
            await self._open_legs.enter_async_context(leg)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._open_legs.aclose()

    async def publish(self, publication: Publication) -> Outcome:
        """What each leg did with the publication, after at most the legs' deadline.

        Where a leg is known to be out, none is tried: the event would be in the other one alone.
        """
        if refused := self._refused():
            return refused
        begun = [breaker.begin() for breaker in self._breakers]
        sent = [leg.publish(publication) for leg in self._legs]
        with self._deadlines.of(sent):
            for each in sent:
                with suppress(LegUnavailable, LegRefused):  # _outcome tells it
                    await each
        return self._outcome(sent, begun)

    async def check(self) -> dict[str, str | None]:
        """For each leg why it can't take events now, or None where it can."""
        checks = await asyncio.gather(*(self._check(leg) for leg in self._legs))
        return {leg.name: fault for leg, fault in zip(self._legs, checks, strict=True)}

    def _refused(self) -> Outcome | None:
        waits = [breaker.retry_after_s() for breaker in self._breakers]
        if not any(waits):
            return None
        legs: Legs = {leg.name: "failed" if wait else "not_tried" for leg, wait in zip(self._legs, waits, strict=True)}
        return Outcome(legs, min(max(waits), _PROBE_WAIT_S))

    def _outcome(self, sent: list[asyncio.Future[None]], begun: list[float]) -> Outcome:
        legs: Legs = {}
        refusal = ""
        for leg, breaker, each, since in zip(self._legs, self._breakers, sent, begun, strict=True):
            error = each.exception()
            legs[leg.name] = "failed" if error else "stored"
            if isinstance(error, LegRefused):
                refusal = str(error)  # for the content, which is the sender's: no failure of the leg
            else:
                self._metrics.published[leg.name, legs[leg.name]].inc()
            if not isinstance(error, LegUnavailable):
                breaker.succeeded()
            else:
                breaker.failed(since)
        return Outcome(legs, 0.0 if refusal or legs == self._stored.legs else _PROBE_WAIT_S, refusal)

    async def _check(self, leg: Leg) -> str | None:
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                await leg.check()
        except LegUnavailable as error:
            return str(error)
        except TimeoutError:
            return f"{leg.name}: no answer within {_CHECK_TIMEOUT_S:g} s"
        return None
