"""The path of `POST /events`, free of any framework: who, read, how much, parse, stamp, publish, answer."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

import structlog

from gateway import answers, preferences, publication
from gateway.access import Access
from gateway.admission import InFlightLimit, Reservation
from gateway.answers import Answer
from gateway.errors import InvalidBatch, TooLarge
from gateway.formats import media_types
from gateway.inbound import ClientGone, Headers, Inbound, first
from gateway.legs.fan_out import FanOut
from gateway.publication import Publication
from gateway.sampling import RequestTrace, Sampler
from gateway.waits import Waits
from pipeline.core import clock
from pipeline.core.errors import KeyRevoked, MensageriaError, NoKey
from pipeline.events.event import Event, Rules
from pipeline.telemetry.metrics import GatewayMetrics

_log = structlog.get_logger(__name__)


Disconnected = Callable[[], Awaitable[None]]
"""Returns when the client has gone; to be called once the body is whole."""


class Request(NamedTuple):
    """A request as the server hands it over: its headers, and what is still to be awaited of it."""

    headers: Headers
    read_body: Callable[[Reservation], Awaitable[bytes]]
    """The whole body, which takes its place while it comes. Raises TooLarge, Overloaded and ClientGone."""
    disconnected: Disconnected
    release: Callable[[], None]
    """Tells the server that the body is held no longer, before the request has its answer."""


class Submission(NamedTuple):
    """The events of one request, stamped, in their order."""

    publications: list[Publication]
    is_batch: bool

    def release(self) -> None:
        """Let go of the bodies: they have been published."""
        self.publications.clear()


class Publishing(NamedTuple):
    """What events are published by, and what waits until they are stored."""

    fan_out: FanOut
    waits: Waits


class Admission(NamedTuple):
    """What bounds a sender, and what bounds all of them."""

    access: Access
    limit: InFlightLimit


class Acceptor:
    """Reads events, publishes them and says what became of them."""

    def __init__(
        self,
        publishing: Publishing,
        admission: Admission,
        source: str,
        rules: Rules,
        sampler: Sampler,
        metrics: GatewayMetrics,
    ) -> None:
        self._fan_out, self._waits = publishing
        self._access, self._limit = admission
        self._source = source
        self._rules = rules
        self._sampler = sampler
        self._metrics = metrics

    async def accept(self, request: Request) -> Answer:
        """202 once each event is durable in both legs, or in one that holds it for the other; else 503.

        A batch is checked whole first. Where the sender prefers to wait, 201 once each event is stored by every way;
        the request reserves nothing meanwhile. Whatever goes wrong is an answer too: raises ClientGone alone, where
        there is nobody to answer.
        """
        try:
            publisher = self._access.publisher(first(request.headers, b"authorization"))
        except (NoKey, KeyRevoked) as error:
            return answers.of_error(error)
        with Reservation(self._limit) as reservation:
            answer = await _answer_of(self._read_and_publish(request, publisher, reservation))
        return answer if answer.reason is None else answer.to(publisher)

    async def _read_and_publish(self, request: Request, publisher: str | None, reservation: Reservation) -> Answer:
        body = await request.read_body(reservation)
        reservation.grow(events=1)
        self._access.require_rate(publisher)  # before the parse, which costs more than all that came before it
        traceparent = first(request.headers, b"traceparent")
        with self._sampler.request(traceparent, is_known=publisher is not None) as trace:
            publishing = self._publish(Inbound(request.headers, body, publisher), reservation, trace, request)
            del body  # what publishes lets go of it before it waits
            answer = await _answer_of(publishing)
            trace.answered(answer.status, answer.error_type)
            return answer

    async def _publish(
        self, inbound: Inbound, reservation: Reservation, trace: RequestTrace, request: Request
    ) -> Answer:
        # No name for the parsed events: they are many times the size of their bytes, and waiting may take long.
        submission = _stamped(inbound, media_types.read(inbound, self._source, self._rules), trace)
        if not submission.publications:
            return answers.empty_batch()
        events = len(submission.publications)
        self._access.spend(inbound.publisher, events)
        reservation.grow(events=events - 1)
        wait_s = preferences.wait_s(inbound)
        if wait_s is None:
            return await self._publish_now(submission, inbound.publisher)
        async with self._waits.begin(submission.publications, wait_s) as wait:
            if not wait:
                return await self._publish_now(submission, inbound.publisher)
            asking = submission._replace(publications=wait.publications)
            answer = await self._publish_now(asking, inbound.publisher)
            if answer.reason is None:
                del inbound
                for each in (submission, asking, reservation, request):
                    each.release()
                await wait.until_ended(request.disconnected)
                answer = answers.with_receipts(answer, wait)
            return answer

    async def _publish_now(self, submission: Submission, publisher: str | None) -> Answer:
        publications = submission.publications
        if len(publications) == 1:
            outcomes = [await self._fan_out.publish(publications[0])]
        else:
            outcomes = await asyncio.gather(*map(self._fan_out.publish, publications))
        answer = answers.published(publications, outcomes, is_batch=submission.is_batch)
        if answer.reason is None:
            self._metrics.count_accepted(publisher, len(publications))
        return answer


async def _answer_of(work: Coroutine[Any, Any, Answer]) -> Answer:
    """What `work` answers, or the answer to the error that ends it."""
    try:
        return await work
    except ClientGone:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the sender gets a problem and the log its trace
        answer = answers.of_error(error)
        if answer.status == 500:
            _log.exception("a request failed unexpectedly")
        return answer


def _stamped(inbound: Inbound, events: Event | list[Event], trace: RequestTrace) -> Submission:
    received_at = clock.rfc3339(clock.now())
    if isinstance(events, Event):
        stamped = publication.of(events, received_at, trace.create(events), inbound.publisher)
        return Submission([stamped], is_batch=False)
    publications: list[Publication] = []
    errors: dict[int, MensageriaError] = {}
    for index, event in enumerate(events):
        try:
            publications.append(publication.of(event, received_at, trace.create(event), inbound.publisher))
        except TooLarge as error:
            errors[index] = error
    if errors:
        raise InvalidBatch(errors)
    return Submission(publications, is_batch=True)
