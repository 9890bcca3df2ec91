"""What the gateway answers to `POST /events`: an acceptance, or a problem that says what to do next."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway.fan_out import Outcome
from gateway.formats import ACCEPTED
from gateway.publication import Publication
from pipeline import problems
from pipeline.errors import InvalidBatch, InvalidEvent, MalformedEvent, MensageriaError, TooLarge, UnsupportedMediaType

RETRY_AFTER_S = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `reason` is the label of events_rejected_total, None for an acceptance."""

    status: int
    content: dict[str, Any]
    media_type: str = problems.MEDIA_TYPE
    headers: dict[str, str] = field(default_factory=dict)
    reason: str | None = None

    @property
    def body(self) -> bytes:
        """The content as JSON in UTF-8."""
        return msgspec.json.encode(self.content)


def accepted(publication: Publication, outcome: Outcome) -> dict[str, Any]:
    """The receipt of one event that both legs have."""
    return {**_told(publication, outcome), "status": "accepted"}


def acceptance(content: dict[str, Any]) -> Answer:
    """202: the content is durable."""
    return Answer(202, content, media_type="application/json")


def unavailable(publication: Publication, outcome: Outcome) -> Answer:
    """503 for one event that a leg doesn't have."""
    return _unavailable(**_told(publication, outcome))


def batch_unavailable(published: Iterable[tuple[Publication, Outcome]]) -> Answer:
    """503 for a batch with an event that a leg doesn't have."""
    return _unavailable(events=[_told(publication, outcome) for publication, outcome in published])


def refusal(error: MensageriaError) -> Answer:
    """The 4xx of an error that the sender can mend. Raises `error` where it is none of these."""
    match error:
        case MalformedEvent():
            return _problem(400, "malformed", str(error))
        case InvalidEvent():
            detail = "not a valid event: mend what `errors` names and send it again"
            return _problem(422, "invalid", detail, errors=_faults(error))
        case TooLarge():
            return _problem(413, "too_large", str(error))
        case UnsupportedMediaType():
            return _problem(415, "media_type", f"{error}; `accepted` lists what does", accepted=ACCEPTED)
        case InvalidBatch():
            return _batch_refusal(error)
    raise error


def _batch_refusal(error: InvalidBatch) -> Answer:
    refusals = [refusal(each) for each in error.errors.values()]
    gravest = min(refusals, key=lambda each: (413, 400, 422).index(each.status))
    detail = "nothing of the batch was published: mend the events that `errors` names and send it again"
    errors = [fault for index, each in error.errors.items() for fault in _faults(each, index=index)]
    return _problem(gravest.status, str(gravest.reason), detail, errors=errors)


def _faults(error: MensageriaError, **index: int) -> list[dict[str, Any]]:
    if isinstance(error, InvalidEvent):
        return [{**index, "pointer": fault.pointer, "detail": fault.detail} for fault in error.faults]
    return [{**index, "pointer": "", "detail": str(error)}]


def _told(publication: Publication, outcome: Outcome) -> dict[str, Any]:
    event = publication.event
    received_at = dict(publication.metadata)["received_at"]
    return {"id": event.id, "source": event.source, "type": event.type, "received_at": received_at, "legs": outcome}


def _unavailable(**members: Any) -> Answer:
    detail = (
        "not accepted: a leg did not acknowledge in time. Send it again with the same id and source "
        "(or Idempotency-Key): whatever was stored already is stored once"
    )
    content = problems.problem(503, "unavailable", detail, **members)
    return Answer(503, content, headers={"retry-after": str(RETRY_AFTER_S)}, reason="unavailable")


def _problem(status: int, reason: str, detail: str, **members: Any) -> Answer:
    return Answer(status, problems.problem(status, reason.replace("_", "-"), detail, **members), reason=reason)
