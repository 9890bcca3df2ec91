"""A list's way through DynamoDB's index `by_time`: day after day, a day's shards at once.

A walk is bounded by calls and by time. Where it stops it says how far it came, and the
next page goes on from there: a list over quiet years takes several requests, and none
of them ends it wrongly.
"""

from collections.abc import Iterator

from lambda_query.budget import Budget
from lambda_query.day_reading import DayReading
from lambda_query.days import days_of, entrance, skip_empty
from lambda_query.dynamodb import DynamoDB
from lambda_query.question import Identity, Place, Question
from lambda_query.records import Listed, Page


def walk(store: DynamoDB, question: Question, budget: Budget) -> Page:
    """The copies of `limit` + 1 events of `question`, or of fewer where it has no more or `budget` is spent.

    An event whose copies differ in `received_at` stands at each of their places. Raises StoreUnavailable.
    """
    copies: list[Listed] = []
    events: set[Identity] = set()
    end = None
    for stretch in stretches(store, question, budget):
        for copy in stretch.copies:
            events.add(copy.identity)
            if len(events) > question.limit:
                last = copy.place
                same = [other for other in stretch.copies if other.place == last]
                copies += [other for other in stretch.copies if question.precedes(other.place, last)] + same
                return Page(copies, last)
        copies += stretch.copies
        end = stretch.end
    return Page(copies, end)


def stretches(store: DynamoDB, question: Question, budget: Budget) -> Iterator[Page]:
    """The copies of `question`, stretch after stretch, until the list ends or `budget` is spent.

    Only the last stretch has an `end`, where the budget ended it. Raises StoreUnavailable.
    """
    days = days_of(question)
    last: Place | None = None
    while days:
        reading = DayReading(store, question, days.pop(0))
        while not reading.done:
            budget.calls -= reading.read()
            copies = reading.take()
            last = copies[-1].place if copies else last
            end = reading.reached(last) if budget.spent else None
            yield Page(copies, end)
            if end:
                return
        if reading.empty:
            days = skip_empty(store, days, budget)
        if days and budget.spent:
            yield Page([], entrance(days[0], question))
            return
