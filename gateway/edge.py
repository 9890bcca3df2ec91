"""The path of `POST /events`, free of any framework: an inbound request to an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from gateway import answers, formats, preferences, publication
from gateway.access import Access
from gateway.answers import Answer
from gateway.fan_out import FanOut
from gateway.inbound import Inbound
from gateway.publication import Publication
from gateway.room import Place
from gateway.sampling import RequestTrace, Sampler
from gateway.waits import Waits
from pipeline import clock, trace_context
from pipeline.errors import InvalidBatch, MensageriaError, TooLarge
from pipeline.event import Event, Rules
from pipeline.metrics import GatewayMetrics

_log = structlog.get_logger(__name__)


Disconnected = Callable[[], Awaitable[None]]
"""Returns when the client has gone."""


class Publishing(NamedTuple):
    """What events are published by, and what waits until they are stored."""

    fan_out: FanOut
    waits: Waits


class Edge:
    """Reads events, publishes them and says what became of them."""

    def __init__(
        self,
        publishing: Publishing,
        access: Access,
        source: str,
        rules: Rules,
        sampler: Sampler,
        metrics: GatewayMetrics,
    ) -> None:
        self._fan_out, self._waits = publishing
        self._access = access
        self._source = source
        self._rules = rules
        self._sampler = sampler
        self._metrics = metrics

    async def accept(self, inbound: Inbound, place: Place, disconnected: Disconnected) -> Answer:
        """202 once each event of the request is in both legs, 503 where one isn't; a batch is checked whole first.

        Where the sender prefers to wait, 201 once each event is stored by every way; it holds no place meanwhile.
        Raises what `formats.read` does, Overloaded and RateLimited, and ClientGone where it is gone meanwhile.
        """
        is_known = inbound.publisher is not None
        with self._sampler.request(inbound.header(b"traceparent"), is_known=is_known) as trace:
            # No name for the parsed events: they are many times the size of their bytes, and waiting may take long.
            publications = _stamped(inbound, formats.read(inbound, self._source, self._rules), trace)
            wait_s = preferences.wait_s(inbound)
            if wait_s is None or not publications:
                answer = await self._answer(inbound, publications, place)
            else:
                answer = await self._answer_when_stored(inbound, publications, place, wait_s, disconnected)
            trace.answered(answer.status)
            return answer

    async def _answer(self, inbound: Inbound, publications: Publication | list[Publication], place: Place) -> Answer:
        if isinstance(publications, Publication):
            self._access.spend(inbound.publisher, 1)
            return self._counted(await self._publish(publications), inbound.publisher, [publications])
        if not publications:
            return answers.acceptance({"events": []})
        place.grow(events=len(publications) - 1)
        self._access.spend(inbound.publisher, len(publications))
        return self._counted(await self._publish_batch(publications), inbound.publisher, publications)

    async def _answer_when_stored(
        self,
        inbound: Inbound,
        publications: Publication | list[Publication],
        place: Place,
        wait_s: float,
        disconnected: Disconnected,
    ) -> Answer:
        every = [publications] if isinstance(publications, Publication) else publications
        async with self._waits.begin(every, wait_s) as wait:
            if not wait:
                return await self._answer(inbound, publications, place)
            asking = wait.publications[0] if isinstance(publications, Publication) else wait.publications
            answer = await self._answer(inbound, asking, place)
            if answer.reason is not None:
                return answer
            place.leave()
            await wait.until_ended(disconnected)
            return answers.with_receipts(answer, wait)

    async def _publish(self, publication: Publication) -> Answer:
        outcome = await self._fan_out.publish(publication)
        if outcome.refusal:
            return answers.refused(publication, outcome)
        if outcome.retry_after_s:
            return answers.unavailable(publication, outcome)
        return answers.acceptance(answers.accepted(publication, outcome))

    async def _publish_batch(self, publications: list[Publication]) -> Answer:
        outcomes = await asyncio.gather(*(self._fan_out.publish(each) for each in publications))
        published = list(zip(publications, outcomes, strict=True))
        if any(outcome.refusal for outcome in outcomes):
            return answers.batch_refused(published)
        if any(outcome.retry_after_s for outcome in outcomes):
            return answers.batch_unavailable(published)
        return answers.acceptance({"events": [answers.accepted(*each) for each in published]})

    def _counted(self, answer: Answer, publisher: str | None, publications: list[Publication]) -> Answer:
        if answer.reason is None:
            self._metrics.count_accepted(publisher, len(publications))
            return answer
        self._metrics.rejected[answer.reason].inc(len(publications))
        ids = [publication.id for publication in publications]
        traced = trace_context.ids(publications[0].traceparent)
        _log.warning("not accepted", status=answer.status, reason=answer.reason, publisher=publisher, ids=ids, **traced)
        return answer


def _stamped(inbound: Inbound, events: Event | list[Event], trace: RequestTrace) -> Publication | list[Publication]:
    received_at = clock.rfc3339(clock.now())
    if isinstance(events, Event):
        return publication.of(events, received_at, trace.create(events), inbound.publisher)
    publications: list[Publication] = []
    errors: dict[int, MensageriaError] = {}
    for index, event in enumerate(events):
        try:
            publications.append(publication.of(event, received_at, trace.create(event), inbound.publisher))
        except TooLarge as error:
            errors[index] = error
    if errors:
        raise InvalidBatch(errors)
    return publications
