"""The bound on what is in flight."""

import pytest

from gateway.room import Place, Room
from pipeline.errors import Overloaded


def test_what_is_over_the_bound_is_refused_and_what_ends_makes_room() -> None:
    room = Room(2, 100)
    with Place(room) as first:
        first.grow(size_bytes=60)
        with Place(room) as second:
            with pytest.raises(Overloaded):
                second.grow(size_bytes=41)
            with pytest.raises(Overloaded), Place(room):
                pass
        with Place(room) as third:
            third.grow(size_bytes=40)
    assert (room.events, room.size_bytes) == (0, 0)


def test_a_request_alone_always_fits() -> None:
    room = Room(2, 100)
    with Place(room) as alone:
        alone.grow(events=499, size_bytes=1_000)
        with pytest.raises(Overloaded), Place(room):
            pass
    assert (room.events, room.size_bytes) == (0, 0)
