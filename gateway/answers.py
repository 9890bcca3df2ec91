"""Answers to `POST /events`: an acceptance, or a problem that says what to do next."""

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec
from hypercorn.typing import ASGISendCallable

from gateway import preferences
from gateway.errors import InvalidBatch, RateLimited, TooLarge, TryLater, UnsupportedCoding
from gateway.formats.media_types import ACCEPTED
from gateway.legs.leg import Outcome
from gateway.publication import Publication, can_be_marked
from gateway.waits import Wait
from pipeline.core import faults, problems, trace_context
from pipeline.core.errors import (
    MAX_DETAIL_CHARACTERS,
    MAX_FAULTS,
    DefectError,
    Fault,
    InvalidEvent,
    InvalidParameters,
    KeyRevoked,
    MalformedEvent,
    MensageriaError,
    NoKey,
    UnsupportedMediaType,
)
from pipeline.core.faults import Defect, cut

_CLOSE = {"connection": "close"}
"""Whoever may not publish need not send a body to its end."""

_BROKERS = {"sns": "SNS", "kafka": "Kafka"}

_REFUSED = (
    "a broker rejected the event for the reason in `errors`, and would reject it again; `legs` says what is "
    "stored: change the event and send it with a new id"
)


class Answer(msgspec.Struct, frozen=True):
    """An HTTP answer; `reason` is the label of events_rejected_total, None for an acceptance.

    `waited_s` is how long it was held back as its sender preferred. Of a refusal, `events` is how many
    it is of, `error_type` the error behind it, and `logged` what its line in the log says besides.
    """

    status: int
    content: dict[str, Any]
    media_type: str = problems.MEDIA_TYPE
    headers: dict[str, str] = {}
    reason: str | None = None
    waited_s: float = 0.0
    events: int = 1
    error_type: str | None = None
    logged: dict[str, Any] = {}

    @property
    def body(self) -> bytes:
        """The content as JSON in UTF-8."""
        return msgspec.json.encode(self.content)

    def to(self, publisher: str | None) -> "Answer":
        """The same answer, whose line in the log names the key."""
        return msgspec.structs.replace(self, logged={"publisher": publisher, **self.logged})


def empty_batch() -> Answer:
    """202: nothing is to be published."""
    return _acceptance({"events": []})


def published(publications: Sequence[Publication], outcomes: Sequence[Outcome], *, is_batch: bool) -> Answer:
    """202 where every event is durable, 503 where one isn't, 422 where a leg will never take one."""
    receipts = [_receipt(*each) for each in zip(publications, outcomes, strict=True)]
    if any(outcome.refusal for outcome in outcomes):
        answer = _refused_by_leg(receipts, outcomes, is_batch=is_batch)
    elif any(outcome.retry_after_s for outcome in outcomes):
        answer = _unavailable(publications, outcomes, **_events(receipts, is_batch))
    else:
        accepted = [{**receipt, "status": "accepted"} for receipt in receipts]
        return _acceptance({"events": accepted} if is_batch else accepted[0])
    logged = {"ids": [each.id for each in publications], **trace_context.ids(publications[0].traceparent)}
    return msgspec.structs.replace(answer, events=len(publications), logged=logged)


def with_receipts(answer: Answer, wait: Wait) -> Answer:
    """The acceptance with what is known of each event: 201 where every way has stored all of them."""
    content = answer.content
    if "events" in content:
        content = {"events": [_with_receipt(event, wait) for event in content["events"]]}
    else:
        content = _with_receipt(content, wait)
    status = 201 if wait.is_complete else answer.status
    applied = preferences.APPLIED
    return msgspec.structs.replace(answer, status=status, content=content, headers=applied, waited_s=wait.waited_s)


def _with_receipt(event: dict[str, Any], wait: Wait) -> dict[str, Any]:
    return event | wait.of((event["source"], event["id"]))


def refusal(error: MensageriaError) -> Answer:
    """The 4xx or 503 of an error that the sender can mend or wait for. Raises `error` where it is none of these."""
    match error:
        case MalformedEvent():
            return _problem(400, "malformed", str(error), **_coded(error.defect))
        case InvalidEvent():
            detail = "not a valid event: fix the fields listed in `errors` and send it again"
            return _problem(422, "invalid", detail, errors=_faults(error))
        case TooLarge():
            return _problem(413, "too_large", str(error), **_coded(error.defect))
        case UnsupportedCoding():
            return _problem(415, "media_type", str(error), headers={"accept-encoding": "identity"})
        case UnsupportedMediaType():
            return _problem(415, "media_type", f"{error}; `accepted` lists the supported ones", accepted=ACCEPTED)
        case InvalidBatch():
            return _batch_refusal(error)
        case InvalidParameters():
            return _wrong_parameters(error)
    return _refused_unread(error)


def of_error(error: Exception) -> Answer:
    """The answer to whatever ends a request: a refusal, or 500 where the sender can do nothing about it."""
    answer = fault()
    if isinstance(error, MensageriaError):
        with suppress(MensageriaError):
            answer = refusal(error)
    return msgspec.structs.replace(answer, error_type=type(error).__name__)


def wrong_method() -> Answer:
    """405 at /events."""
    detail = "publish events with POST; to find events, use the query API"
    return _problem(405, "method", detail, headers={"allow": "POST"})


def wrong_method_of_journey() -> Answer:
    """405 at the address of a journey."""
    return _problem(405, "method", "a journey is asked for by GET", headers={"allow": "GET, HEAD"})


def no_host() -> Answer:
    """400 to a request that doesn't say, or says twice, whom it asks."""
    return _problem(400, "malformed", "send one Host header (RFC 9112, section 3.2)", headers=_CLOSE)


def foreign_host() -> Answer:
    """421 to a request for another name than this machine's own."""
    detail = "without keys the gateway answers only as localhost, 127.0.0.0/8 and [::1]: use one of these"
    return _problem(421, "foreign_host", detail, headers=_CLOSE)


def foreign_site() -> Answer:
    """403 to a request of another site's page."""
    detail = "the gateway doesn't answer pages of other sites: send the request from a program"
    return _problem(403, "foreign_site", detail, headers=_CLOSE)


def fault() -> Answer:
    """500: the error is in the log, and nothing that the sender can mend."""
    detail = "internal error, described in the gateway's log: it is safe to send the event again with the same id"
    return _problem(500, "internal", detail, headers=_CLOSE)


def _refused_unread(error: MensageriaError) -> Answer:
    match error:
        case NoKey():
            return _problem(401, "no_key", str(error), headers={"www-authenticate": "Bearer", **_CLOSE})
        case KeyRevoked():
            return _problem(403, "key_revoked", str(error), headers=_CLOSE)
        case RateLimited():
            return _problem(429, "rate", str(error), headers=_retry_after(error.retry_after_s))
        case TryLater():
            return _problem(503, "overloaded", str(error), headers=_retry_after(error.retry_after_s))
    raise error


def _batch_refusal(error: InvalidBatch) -> Answer:
    refusals = [refusal(each) for each in error.errors.values()]
    gravest = min(refusals, key=lambda each: (413, 400, 422).index(each.status))
    detail = "nothing in the batch was published: fix the events listed in `errors` and send the batch again"
    # At least one fault of each event, and no more than one event alone may have.
    most = max(1, MAX_FAULTS // len(error.errors))
    errors = [fault for index, each in error.errors.items() for fault in _faults(each, most, index=index)]
    return _problem(gravest.status, str(gravest.reason), detail, errors=errors)


def _wrong_parameters(error: InvalidParameters) -> Answer:
    faults = [{"parameter": name, "detail": fault.detail, **_coded(fault)} for name, fault in error.faults.items()]
    content = problems.problem(400, "invalid-parameters", str(error), errors=faults)
    return Answer(400, content, reason="malformed")


def _faults(error: MensageriaError, most: int = MAX_FAULTS, **index: int) -> list[dict[str, Any]]:
    if isinstance(error, DefectError):
        return [{**index, "pointer": "", "detail": str(error), **_coded(error.defect)}]
    listed = error.listed(most) if isinstance(error, InvalidEvent) else []
    return [{**index, **_fault(fault)} for fault in listed]


def _fault(fault: Fault) -> dict[str, Any]:
    return {"pointer": fault.pointer, "detail": fault.detail, **_coded(fault.defect)}


def _coded(defect: Defect) -> dict[str, Any]:
    """The members that programs read: the code of the fault, and its parameters."""
    return {"code": defect.code, "parameters": defect.parameters}


def _acceptance(content: dict[str, Any]) -> Answer:
    return Answer(202, content, media_type="application/json")


def _receipt(publication: Publication, outcome: Outcome) -> dict[str, Any]:
    return {
        "id": publication.id,
        "source": publication.source,
        "type": publication.type,
        "received_at": publication.received_at,
        "legs": outcome.legs,
    }


def _events(receipts: Sequence[dict[str, Any]], is_batch: bool) -> dict[str, Any]:
    """The members of a problem that say what became of each event; the problem has a `type` of its own."""
    if is_batch:
        return {"events": receipts}
    return {name: value for name, value in receipts[0].items() if name != "type"}


def _refused_by_leg(receipts: Sequence[dict[str, Any]], outcomes: Sequence[Outcome], *, is_batch: bool) -> Answer:
    errors = [
        ({"index": index} if is_batch else {}) | _fault(Fault("", faults.REFUSED_BY_LEG(reason=str(outcome.refusal))))
        for index, outcome in enumerate(outcomes)
        if outcome.refusal
    ]
    return _problem(422, "invalid", _REFUSED, errors=errors, **_events(receipts, is_batch))


def _unavailable(publications: Sequence[Publication], outcomes: Sequence[Outcome], **members: Any) -> Answer:
    causes = dict.fromkeys(
        _cause(*each) for each in zip(publications, outcomes, strict=True) if each[1].retry_after_s
    )  # each once, in the order of the events
    detail = (
        f"not accepted: {'; '.join(causes)}. Send the event again with the same id and source "
        "(or Idempotency-Key): a duplicate is stored once"
    )
    wait_s = max(outcome.retry_after_s for outcome in outcomes)
    return _problem(503, "unavailable", detail, headers=_retry_after(wait_s), **members)


def _cause(publication: Publication, outcome: Outcome) -> str:
    """Why an event was not accepted: the brokers that failed, and why the other one could not hold it for them."""
    failed = [leg for leg, state in outcome.legs.items() if state == "failed"]
    if failed == ["kafka"] and publication.is_ordered:
        return (
            "Kafka is unavailable, and an event with a `partitionkey` needs it: published there later, it could be "
            "overtaken by the next event of its key"
        )
    if failed == ["kafka"] and not can_be_marked(publication):
        return "Kafka is unavailable, and an event as large as this one can't be held for it by SNS"
    return f"{' and '.join(_BROKERS[leg] for leg in failed)} did not acknowledge in time"


def _retry_after(wait_s: float) -> dict[str, str]:
    """Whole seconds (RFC 9110, section 10.2.3), and never 0."""
    return {"retry-after": str(max(1, math.ceil(wait_s)))}


def _problem(status: int, reason: str, detail: str, *, headers: dict[str, str] | None = None, **members: Any) -> Answer:
    content = problems.problem(status, reason.replace("_", "-"), cut(detail, MAX_DETAIL_CHARACTERS), **members)
    return Answer(status, content, headers=headers or {}, reason=reason)


async def send_answer(answer: Answer, send: ASGISendCallable) -> None:
    """Send `answer` whole."""
    body = answer.body
    headers = [
        (b"content-type", answer.media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.encode(), value.encode()) for name, value in answer.headers.items()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})
