"""Which arrivals are events, and why the others are none."""

from collections.abc import Sequence

from pipeline.core.errors import InvalidEvent, MalformedEvent, Rejected
from pipeline.events.delivery import Arrival, Delivery
from pipeline.events.envelope import UNDECODABLE, too_large
from pipeline.events.event import Event
from streams.batch_state import Refused


def parsed(arrivals: Sequence[Arrival]) -> tuple[list[Delivery], list[Refused]]:
    """Those that can go to the store, and the others."""
    deliveries: list[Delivery] = []
    refused: list[Refused] = []
    for arrival in arrivals:
        try:
            deliveries.append(Delivery(_event(arrival), arrival))
        except Rejected as why:
            refused.append(Refused(arrival, why))
    return deliveries, refused


def _event(arrival: Arrival) -> Event:
    if arrival.damage is not None:
        raise Rejected(UNDECODABLE, arrival.damage)
    if why := too_large(arrival.body):
        raise why
    try:
        return arrival.event()
    except MalformedEvent as error:
        raise Rejected("malformed", str(error)) from error
    except InvalidEvent as error:
        raise Rejected("invalid", str(error)) from error
