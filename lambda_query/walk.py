"""A list's way through DynamoDB's index `by_time`: day after day, a day's shards at once.

A walk is bounded by calls and by time. Where it stops it says how far it came, and the
next page goes on from there: a list over quiet years takes several requests, and none
of them ends it wrongly.
"""

from dataclasses import dataclass

from lambda_query.budget import Budget
from lambda_query.day_reading import DayReading
from lambda_query.days import days_of, entrance, skip_empty
from lambda_query.dynamodb import DynamoDB
from lambda_query.question import Place, Question


@dataclass(frozen=True)
class Walked:
    """The places at which an asked-for copy stands, in the list's order.

    All of them up to `end`, or to the list's end where `end` is None. An event whose
    copies differ in `received_at` stands at more than one.
    """

    places: list[Place]
    end: Place | None


def walk(store: DynamoDB, question: Question, budget: Budget) -> Walked:
    """The places of `limit` + 1 events of `question`, or of fewer where it has no more or `budget` is spent.

    Raises StoreUnavailable.
    """
    places: list[Place] = []
    days = days_of(question)
    while days:
        reading = DayReading(store, question, days.pop(0))
        while not reading.done:
            budget.calls -= reading.read()
            places += reading.take()
            if enough := _first_events(places, question.limit + 1):
                return Walked(enough, enough[-1])
            if budget.spent and (end := reading.reached(places)):
                return Walked(places, end)
        if reading.empty:
            days = skip_empty(store, days, budget)
        if days and budget.spent:
            return Walked(places, entrance(days[0], question))
    return Walked(places, None)


def _first_events(places: list[Place], events: int) -> list[Place]:
    """The places up to that of the last of the first `events` events; none where there are fewer."""
    seen: set[tuple[str, str]] = set()
    for index, place in enumerate(places):
        seen.add(place.identity)
        if len(seen) == events:
            return places[: index + 1]
    return []
