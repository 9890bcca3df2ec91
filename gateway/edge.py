"""The path of `POST /events`, free of any framework: an inbound request to an answer."""

import asyncio
from dataclasses import replace

from gateway import answers, formats, publication
from gateway.answers import Answer
from gateway.fan_out import FanOut, Outcome
from gateway.inbound import Inbound
from gateway.publication import Publication
from pipeline import clock
from pipeline.errors import InvalidBatch, MensageriaError, TooLarge
from pipeline.event import MAX_EVENT_BYTES, Event
from pipeline.metrics import GatewayMetrics
from pipeline.trace_context import child_of

MAX_REQUEST_BYTES = 1024 * 1024
"""Of a body: an event has its own limit, this is a batch's."""


class Edge:
    """Reads events, publishes them and says what became of them."""

    def __init__(self, fan_out: FanOut, source: str, metrics: GatewayMetrics) -> None:
        self._fan_out = fan_out
        self._source = source
        self._metrics = metrics

    async def accept(self, inbound: Inbound) -> Answer:
        """202 once each event of the request is in both legs, else a problem; a batch is checked whole first."""
        try:
            events = formats.read(inbound, self._source)
            publications = _stamped(inbound, events)
        except MensageriaError as error:
            return self._counted(answers.refusal(error))
        if isinstance(publications, list):
            return self._counted(await self._publish_batch(publications), len(publications))
        return self._counted(await self._publish(publications))

    def refuse_body(self) -> Answer:
        """413 for a body over MAX_REQUEST_BYTES, which is not read to its end: the connection closes."""
        detail = (
            f"the body is over {MAX_REQUEST_BYTES} bytes: send a batch in parts; an event has at most {MAX_EVENT_BYTES}"
        )
        answer = answers.refusal(TooLarge(detail))
        return self._counted(replace(answer, headers={"connection": "close"}))

    async def _publish(self, publication: Publication) -> Answer:
        outcome = await self._fan_out.publish(publication)
        if _is_stored(outcome):
            return answers.acceptance(answers.accepted(publication, outcome))
        return answers.unavailable(publication, outcome)

    async def _publish_batch(self, publications: list[Publication]) -> Answer:
        outcomes = await asyncio.gather(*(self._fan_out.publish(each) for each in publications))
        published = list(zip(publications, outcomes, strict=True))
        if all(map(_is_stored, outcomes)):
            return answers.acceptance({"events": [answers.accepted(*each) for each in published]})
        return answers.batch_unavailable(published)

    def _counted(self, answer: Answer, events: int = 1) -> Answer:
        counter = self._metrics.rejected[answer.reason] if answer.reason else self._metrics.accepted
        counter.inc(events)
        return answer


def _stamped(inbound: Inbound, events: Event | list[Event]) -> Publication | list[Publication]:
    received_at, parent = clock.rfc3339(clock.now()), inbound.header(b"traceparent")
    if isinstance(events, Event):
        return publication.of(events, received_at, child_of(parent))
    publications: list[Publication] = []
    errors: dict[int, MensageriaError] = {}
    for index, event in enumerate(events):
        try:
            publications.append(publication.of(event, received_at, child_of(parent)))
        except TooLarge as error:
            errors[index] = error
    if errors:
        raise InvalidBatch(errors)
    return publications


def _is_stored(outcome: Outcome) -> bool:
    return all(each == "stored" for each in outcome.values())
