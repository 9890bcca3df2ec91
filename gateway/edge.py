"""The path of `POST /events`, free of any framework: an inbound request to an answer."""

import asyncio

import structlog

from gateway import answers, formats, publication
from gateway.access import Access
from gateway.answers import Answer
from gateway.fan_out import FanOut
from gateway.inbound import Inbound
from gateway.publication import Publication
from gateway.room import Place
from gateway.sampling import RequestTrace, Sampler
from pipeline import clock, trace_context
from pipeline.errors import InvalidBatch, MensageriaError, TooLarge
from pipeline.event import Event, Rules
from pipeline.metrics import GatewayMetrics

_log = structlog.get_logger(__name__)


class Edge:
    """Reads events, publishes them and says what became of them."""

    def __init__(
        self, fan_out: FanOut, access: Access, source: str, rules: Rules, sampler: Sampler, metrics: GatewayMetrics
    ) -> None:
        self._fan_out = fan_out
        self._access = access
        self._source = source
        self._rules = rules
        self._sampler = sampler
        self._metrics = metrics

    async def accept(self, inbound: Inbound, place: Place) -> Answer:
        """202 once each event of the request is in both legs, 503 where one isn't; a batch is checked whole first.

        Raises what `formats.read` does, Overloaded and RateLimited.
        """
        is_known = inbound.publisher is not None
        with self._sampler.request(inbound.header(b"traceparent"), is_known=is_known) as trace:
            events = formats.read(inbound, self._source, self._rules)
            answer = await self._answer(inbound, _stamped(inbound, events, trace), place)
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
