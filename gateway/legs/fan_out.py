"""Both legs at once; the answer waits for both, or for the one that holds the event for the other."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Self

from gateway.errors import LegRefused, LegUnavailable
from gateway.legs.breaker import Breaker
from gateway.legs.deadlines import Deadlines
from gateway.legs.leg import Leg, Legs, Outcome
from gateway.publication import Publication
from pipeline.telemetry.metrics import GatewayMetrics

_CHECK_TIMEOUT_S = 1.0
_PROBE_WAIT_S = 1.0
_TRY_SHARE = 0.6
"""Of the deadline, for the legs; the rest is for having an event held whose leg failed."""

_KEEPS_ORDER = "kafka"
"""The leg that an event with a `partitionkey` can't wait for: a later one of its key could overtake it."""


class FanOut:
    """Publishes through both legs and says what each did.

    Where `accepts_degraded`, each broker is the other's outbox: while one leg is out, the other one
    publishes the event and holds it for the leg that is out, until the pipeline has published it there.
    """

    def __init__(
        self, legs: Sequence[Leg], timeout_s: float, metrics: GatewayMetrics, *, accepts_degraded: bool
    ) -> None:
        self._legs = legs
        self._breakers = [Breaker() for _ in legs]
        self._accepts_degraded = accepts_degraded
        share = _TRY_SHARE if accepts_degraded else 1
        self._tries = Deadlines(timeout_s * share)
        self._holds = Deadlines(timeout_s * (1 - share))
        self._metrics = metrics
        self._stored = Outcome({leg.name: "stored" for leg in legs})
        self._probes: set[asyncio.Task[bool]] = set()
        self._open_legs = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for leg in self._legs:
            await self._open_legs.enter_async_context(leg)
        return self

    async def __aexit__(self, *error: object) -> None:
        for probe in self._probes:
            probe.cancel()
        await asyncio.gather(*self._probes, return_exceptions=True)
        await self._open_legs.aclose()

    async def publish(self, publication: Publication) -> Outcome:
        """What became of the publication in each leg, after at most the deadline."""
        if any(breaker.is_open for breaker in self._breakers):
            return await self._publish_through_outage(publication)
        return await self._publish_to_both(publication)

    async def check(self) -> dict[str, str | None]:
        """For each leg why it can't take events now, or None where it can."""
        checks = await asyncio.gather(*(self._check(leg) for leg in self._legs))
        return {leg.name: fault for leg, fault in zip(self._legs, checks, strict=True)}

    def accepts_without(self, missing: Sequence[str]) -> bool:
        """Whether events are accepted while the legs `missing` are out."""
        return not missing or (self._accepts_degraded and len(missing) < len(self._legs))

    async def _publish_through_outage(self, publication: Publication) -> Outcome:
        """A breaker is open: publish through the leg that is left, which holds the event for the other one.

        Where that can't be, no leg is tried before the broken one's next probe is due: the event would be
        in the other one alone.
        """
        waits = [breaker.retry_after_s() for breaker in self._breakers]
        out = [index for index, breaker in enumerate(self._breakers) if breaker.is_open]
        if len(out) == len(self._legs):  # both are out: go by which of them may be probed
            out = [index for index in out if waits[index]]
        if len(out) == 1 and self._may_pend(publication, out[0]):
            probe = None if waits[out[0]] else self._probe(out[0], publication)
            outcome = await self._publish_held(publication, out[0])
            if outcome.retry_after_s and probe and await probe and self._may_pend(publication, 1 - out[0]):
                return await self._hold(publication, 1 - out[0]) or outcome  # they have changed places
            return outcome
        if not any(waits):
            return await self._publish_to_both(publication)
        legs: Legs = {leg.name: "failed" if wait else "not_tried" for leg, wait in zip(self._legs, waits, strict=True)}
        return Outcome(legs, min(max(waits), _PROBE_WAIT_S))

    async def _publish_to_both(self, publication: Publication) -> Outcome:
        begun = [breaker.begin() for breaker in self._breakers]
        sent = [leg.publish(publication) for leg in self._legs]
        await _all_ended(sent, self._tries)
        outcome = self._outcome(sent, begun)
        failed = [index for index, leg in enumerate(self._legs) if outcome.legs[leg.name] == "failed"]
        if outcome.refusal or len(failed) != 1 or not self._may_pend(publication, failed[0]):
            return outcome
        return await self._hold(publication, failed[0]) or outcome

    async def _hold(self, publication: Publication, out: int) -> Outcome | None:
        """Have the leg beside `out`, which has the event, hold it for that one; None where it can't."""
        held = [self._legs[1 - out].hold(publication)]
        await _all_ended(held, self._holds)
        return self._pending(out) if _have_succeeded(held) else None

    async def _publish_held(self, publication: Publication, out: int) -> Outcome:
        """Publish through the leg beside `out`, which is out."""
        index = 1 - out
        leg, begun = self._legs[index], self._breakers[index].begin()
        sent = leg.publish_held(publication)
        await _all_ended(sent, self._tries)
        if refusal := self._record(index, sent, begun):
            return Outcome({leg.name: "failed", self._legs[out].name: "not_tried"}, 0.0, refusal)
        if _have_succeeded(sent):
            return self._pending(out)
        return Outcome({leg.name: "failed", self._legs[out].name: "not_tried"}, _PROBE_WAIT_S)

    def _probe(self, index: int, publication: Publication) -> "asyncio.Task[bool]":
        """Try the leg that is out; whether it is back. What it stores is a repeat of what is held."""
        begun = self._breakers[index].begin()
        sent = [self._legs[index].publish(publication)]

        async def ended() -> bool:
            await _all_ended(sent, self._tries)
            self._record(index, sent, begun)
            return _have_succeeded(sent)

        probe = asyncio.create_task(ended())
        self._probes.add(probe)
        probe.add_done_callback(self._probes.discard)
        return probe

    def _may_pend(self, publication: Publication, out: int) -> bool:
        if not self._accepts_degraded:
            return False
        if publication.is_ordered and self._legs[out].name == _KEEPS_ORDER:
            return False
        return self._legs[1 - out].can_hold(publication)

    def _pending(self, out: int) -> Outcome:
        name = self._legs[out].name
        self._metrics.pending[name].inc()
        return Outcome(self._stored.legs | {name: "pending"})

    def _outcome(self, sent: Sequence[asyncio.Future[None]], begun: Sequence[float]) -> Outcome:
        legs: Legs = {}
        refusal = ""
        for index, (leg, each, since) in enumerate(zip(self._legs, sent, begun, strict=True)):
            refusal = self._record(index, [each], since) or refusal
            legs[leg.name] = "failed" if each.exception() else "stored"
        return Outcome(legs, 0.0 if refusal or legs == self._stored.legs else _PROBE_WAIT_S, refusal)

    def _record(self, index: int, sent: Sequence[asyncio.Future[None]], begun: float) -> str:
        """Let the breaker and the metrics of a leg know how a publication ended; why it was refused, or ""."""
        errors = [error for each in sent if (error := each.exception())]
        refusals = [str(error) for error in errors if isinstance(error, LegRefused)]
        if not refusals:  # which are for the content, the sender's: no failure of the leg
            self._metrics.published[self._legs[index].name, "failed" if errors else "stored"].inc()
        if any(isinstance(error, LegUnavailable) for error in errors):
            self._breakers[index].failed(begun)
        else:
            self._breakers[index].succeeded()
        return refusals[0] if refusals else ""

    async def _check(self, leg: Leg) -> str | None:
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                await leg.check()
        except LegUnavailable as error:
            return str(error)
        except TimeoutError:
            return f"{leg.name}: no answer within {_CHECK_TIMEOUT_S:g} s"
        return None


async def _all_ended(sent: list[asyncio.Future[None]], deadlines: Deadlines) -> None:
    """Wait until each of `sent` has its end, at most until the deadline; how it ended is for the caller to ask."""
    with deadlines.of(sent):
        for each in sent:
            with suppress(LegUnavailable, LegRefused):
                await each


def _have_succeeded(sent: Sequence[asyncio.Future[None]]) -> bool:
    return not any(each.exception() for each in sent)
