"""Answers to `POST /events`: what a 503 says of its cause."""

import json

import pytest

from gateway import answers, publication
from gateway.legs.leg import Legs, Outcome
from gateway.publication import Publication
from pipeline.events.event import MAX_EVENT_BYTES, parse

NEEDS_KAFKA = "Kafka is unavailable, and an event with a `partitionkey` needs it"
TOO_LARGE = "Kafka is unavailable, and an event as large as this one can't be held for it by SNS"
KAFKA_OUT: Legs = {"sns": "not_tried", "kafka": "failed"}


def make(**more: str) -> Publication:
    event = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"} | more
    return publication.of(parse(json.dumps(event).encode()), "2026-11-23T15:24:00.123456Z", "")


def largest() -> Publication:
    return make(data="x" * (MAX_EVENT_BYTES - make(data="").size_bytes))


@pytest.mark.parametrize(
    ("event", "legs", "said"),
    [
        (make(partitionkey="k"), KAFKA_OUT, NEEDS_KAFKA),
        (make(partitionkey="k"), {"sns": "stored", "kafka": "failed"}, NEEDS_KAFKA),
        (make(partitionkey="k"), {"sns": "failed", "kafka": "failed"}, "SNS and Kafka did not acknowledge in time"),
        (make(partitionkey="k"), {"sns": "failed", "kafka": "stored"}, "SNS did not acknowledge in time"),
        (make(), {"sns": "failed", "kafka": "not_tried"}, "SNS did not acknowledge in time"),
        (make(), {"sns": "stored", "kafka": "failed"}, "Kafka did not acknowledge in time"),
        (largest(), KAFKA_OUT, TOO_LARGE),
    ],
)
def test_a_503_says_which_broker_failed_and_why_it_is_needed(event: Publication, legs: Legs, said: str) -> None:
    content = answers.published([event], [Outcome(legs, 1.0)], is_batch=False).content
    assert content["detail"].startswith(f"not accepted: {said}"), content
    assert "Send the event again with the same id and source" in content["detail"]


def test_a_batch_names_each_cause_once_and_none_of_what_was_taken() -> None:
    taken = Outcome({"sns": "stored", "kafka": "pending"})
    events = [make(), make(partitionkey="k"), make(partitionkey="l"), largest()]
    answer = answers.published(events, [taken, *[Outcome(KAFKA_OUT, 1.0)] * 3], is_batch=True)
    detail = answer.content["detail"]
    assert (answer.status, detail.count(NEEDS_KAFKA), detail.count(TOO_LARGE)) == (503, 1, 1)
    assert "in time" not in detail
