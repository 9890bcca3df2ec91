"""The benchmark's events are what the gateway is made for."""

from itertools import islice

from bench import events
from pipeline.events import event


def test_an_event_has_506_bytes_and_is_valid() -> None:
    body = next(events.bodies())
    assert len(body) == 506
    assert event.parse(body).body == body


def test_ids_differ_within_a_run_and_between_runs() -> None:
    bodies = [*islice(events.bodies(), 500), *islice(events.bodies(), 500)]
    assert len({event.parse(body).id for body in bodies}) == 1000


def test_a_request_tells_its_length() -> None:
    head, _, body = next(events.requests("127.0.0.1", 8000)).partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head.split(b"\r\n")
    assert b"content-type: application/cloudevents+json" in head.split(b"\r\n")


def test_every_tenth_event_may_be_the_one_before_it() -> None:
    bodies = list(islice(events.bodies(repeat_every=10), 100))
    assert len(set(bodies)) == 90
    assert bodies[9] == bodies[8]
