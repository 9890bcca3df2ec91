"""How far an event is, from what its receipt says."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from web.answers import Copies, Copy, Receipt, Record
from web.events.journey import WAYS, Journey
from web.events.journey_layout import TALL, WIDE, Drawing

TAKEN = datetime(2026, 11, 23, 15, 24, tzinfo=UTC)


def stored(milliseconds: int) -> Copy:
    return Copy(stored_at=TAKEN + timedelta(milliseconds=milliseconds))


def record(**copies: Copy) -> Record:
    receipt = Receipt(
        received_at=TAKEN,
        postgres=copies.get("postgres"),
        dynamodb=Copies(sqs=copies.get("sqs"), kafka=copies.get("kafka")),
    )
    return Record(source="/s", id="1", event=msgspec.Raw(b"{}"), receipt=receipt, complete=len(copies) == 3)


def test_nothing_is_lit_before_an_event_was_taken() -> None:
    assert Journey.of(None, None).hops == frozenset()


def test_the_gateways_answer_lights_both_legs_and_nothing_beyond() -> None:
    assert Journey.of(None, TAKEN).hops == {"gateway", "sns", "kafka"}


def test_a_leg_that_was_out_is_not_lit() -> None:
    assert Journey.of(None, TAKEN, frozenset({"kafka"})).passed == {("gateway", "sns")}


def test_a_way_lights_its_own_hops_only() -> None:
    journey = Journey.of(record(postgres=stored(80)), None)
    assert journey.hops == set(WAYS["postgres_sqs"])
    assert journey.state("kafka") == "waiting"


def test_dynamodb_is_reached_in_part_by_one_way_and_whole_by_both() -> None:
    assert Journey.of(record(kafka=stored(60)), None).state("dynamodb") == "partly"
    assert Journey.of(record(kafka=stored(60), sqs=stored(90)), None).state("dynamodb") == "passed"


def test_the_slowest_way_counts() -> None:
    journey = Journey.of(record(postgres=stored(80), sqs=stored(130), kafka=stored(60)), None)
    assert journey.elapsed == timedelta(milliseconds=130)
    assert journey.since("dynamodb_kafka") == timedelta(milliseconds=60)


@pytest.mark.parametrize("drawing", [WIDE, TALL])
def test_every_hop_has_a_place_inside_the_drawing_and_none_overlap(drawing: Drawing) -> None:
    assert set(drawing.boxes) == {hop for way in WAYS.values() for hop in way}
    boxes = list(drawing.boxes.values())
    for index, box in enumerate(boxes):
        assert box.x + box.width <= drawing.width
        assert box.y + box.height <= drawing.height
        for other in boxes[index + 1 :]:
            apart_across = box.x + box.width <= other.x or other.x + other.width <= box.x
            apart_along = box.y + box.height <= other.y or other.y + other.height <= box.y
            assert apart_across or apart_along
