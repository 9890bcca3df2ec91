"""What SQS takes of an event, and what becomes of one that it never will."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from cli.differences import Difference
from cli.replaying import Filter, Unsendable, repair, replay
from cli.stored_copies import Copy, Found
from operations.dead_letters import DeadLetter, Place
from operations.redrive import Choice, send_again
from operations.resending import QueueResender, Resend
from pipeline.clients.aws_json import CallFailed, JsonApi
from pipeline.clients.sqs import Queue
from pipeline.core.errors import MessageRefused, QueueUnavailable, Rejected
from pipeline.events.delivery import Arrival
from pipeline.events.envelope import enclosed
from pipeline.events.event import parse
from pipeline.events.metadata import Metadata


class Sqs(JsonApi):
    """The one call, which refuses what SQS refuses: two characters, with the code `code`."""

    def __init__(self, code: str = "InvalidMessageContents") -> None:
        super().__init__("sqs")
        self.sent: list[str] = []
        self._code = code

    async def call(self, operation: str, request: Any, answer: Any, *, timeout_s: float) -> Any:
        body = request["MessageBody"]
        if {"\ufffe", "\uffff"} & set(body) or "refused" in body:
            raise CallFailed(self._code, "no")
        self.sent.append(body)


def resender(sqs: Sqs) -> QueueResender:
    return QueueResender(Queue("http://127.0.0.1/queue", sqs))


def event(id_: str, data: str = "") -> bytes:
    members = {"specversion": "1.0", "id": id_, "source": "s", "type": "t", "data": data}
    return json.dumps(members, ensure_ascii=False).encode()


async def test_characters_that_sqs_refuses_go_as_escapes() -> None:
    sqs, body = Sqs(), event("a", "x\ufffe\uffff\U0001f600")
    await resender(sqs).send(Resend(body, {}))
    assert json.loads(sqs.sent[0]) == json.loads(body)


async def test_bytes_that_are_no_text_go_with_their_replacement() -> None:
    sqs = Sqs()
    await resender(sqs).send(Resend(b"\xff", {}))
    assert sqs.sent == ["\N{REPLACEMENT CHARACTER}"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("InvalidMessageContents", MessageRefused),
        ("InvalidParameterValue", MessageRefused),
        ("MissingParameter", MessageRefused),
        ("RequestThrottled", QueueUnavailable),
    ],
)
async def test_a_refusal_for_good_is_told_from_one_for_now(code: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        await resender(Sqs(code)).send(Resend(b"refused", {}))


def found(id_: str, data: str = "") -> list[Found]:
    body = event(id_, data)
    copy = Copy("2026-11-23T15:24:00.000000Z", "s", id_, parse(body).content_hash().hex(), "sqs")
    return [Found(copy, "t", None, body, Metadata())]


class Walked:
    """A walk that meets these events."""

    async def events(self, _: Any) -> AsyncIterator[list[Found]]:
        for copies in (found("a"), found("b", "refused"), found("c")):
            yield copies


async def test_a_replay_names_what_is_refused_and_goes_on() -> None:
    walk: Any = Walked()
    outcomes = [each async for each in replay(walk, Filter(), resender(Sqs()), per_second=1000)]
    assert (outcomes[0], outcomes[2]) == (("s", "a"), ("s", "c"))
    assert isinstance(outcomes[1], Unsendable)
    assert "id 'b'" in str(outcomes[1])


async def test_a_repair_names_what_is_refused() -> None:
    difference = Difference(("s", "b"), "", ("b",), conflict=False, copies=found("b", "refused"))
    with pytest.raises(Unsendable, match="id 'b'"):
        await repair(difference, {"b": resender(Sqs())})


class Letters:
    """A reading of letters with these bodies."""

    place: Place = "b"
    elsewhere = 0

    def __init__(self, *bodies: bytes) -> None:
        self._bodies = bodies
        self._outlet = resender(Sqs())
        self.removed: list[str] = []

    async def letters(self) -> AsyncIterator[DeadLetter]:
        for number, body in enumerate(self._bodies):
            arrival = Arrival(body, "sqs", {}, "2026-11-23T15:24:00.000000Z")
            yield DeadLetter("b", f"b:{number}", enclosed(arrival, Rejected("rejected", ""), "service-b"))

    async def send_again(self, letter: DeadLetter) -> None:
        await self._outlet.send(letter.outgoing())

    async def remove(self, letters: Sequence[DeadLetter], why: str) -> None:
        self.removed += [f"{letter.key} {why}" for letter in letters]


async def test_a_letter_that_is_refused_stays_and_is_named_after_the_others() -> None:
    reading = Letters(event("a"), event("b", "refused"), event("c"))
    with pytest.raises(MessageRefused, match=r"b:1 .*no"):
        _ = [each async for each in send_again(reading, Choice(), per_second=1000)]
    assert reading.removed == ["b:0 sent again", "b:2 sent again"]
