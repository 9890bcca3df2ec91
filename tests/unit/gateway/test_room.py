"""The bound on what is in flight."""

import pytest

from gateway.admission import InFlightLimit, Reservation
from gateway.errors import Overloaded


def test_what_is_over_the_bound_is_refused_and_what_ends_makes_room() -> None:
    room = InFlightLimit(2, 100)
    with Reservation(room) as first:
        first.grow(events=1, size_bytes=60)
        with Reservation(room) as second:
            with pytest.raises(Overloaded):
                second.grow(size_bytes=41)
            second.grow(events=1)
            with pytest.raises(Overloaded), Reservation(room) as over:
                over.grow(events=1)
        with Reservation(room) as third:
            third.grow(events=1, size_bytes=40)
    assert (room.events, room.size_bytes) == (0, 0)


def test_a_request_alone_always_fits() -> None:
    room = InFlightLimit(2, 100)
    with Reservation(room) as alone:
        alone.grow(size_bytes=1_000)
        alone.grow(events=500)
        with pytest.raises(Overloaded), Reservation(room) as over:
            over.grow(events=1)
    assert (room.events, room.size_bytes) == (0, 0)


def test_requests_whose_bodies_do_not_come_take_no_room() -> None:
    room = InFlightLimit(1, 100)
    with Reservation(room), Reservation(room), Reservation(room) as whole:
        whole.grow(events=1, size_bytes=10)


def test_bodies_under_way_are_bounded_in_bytes() -> None:
    room = InFlightLimit(1, 100)
    with Reservation(room) as first, Reservation(room) as second:
        first.grow(size_bytes=60)
        with pytest.raises(Overloaded):
            second.grow(size_bytes=41)
