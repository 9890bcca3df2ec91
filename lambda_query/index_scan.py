"""A list's way through DynamoDB's index `by_time`: day after day, a day's shards at once.

A walk is bounded by calls, by time, and by how far PostgreSQL's page goes. Where it stops
it says how far it came, and the next page goes on from there. Days without events are not looked into.
A list of one source and one id is no walk: its event is read by its key.
"""

from collections.abc import Iterator

from lambda_query.bounds import Budget, ScanBound
from lambda_query.dynamodb import DynamoDB
from lambda_query.index_days import DayReading, days_of, entrance
from lambda_query.question import Position, Question
from lambda_query.records import Listed, Page
from pipeline.core.identity import Identity

HEAD_START_S = 0.1
"""How long PostgreSQL, which takes some milliseconds, is waited for: a walk without its bound may read in vain."""


def walk(store: DynamoDB, question: Question, budget: Budget, reach: ScanBound) -> Page:
    """The copies of `limit` + 1 events of `question`, or of those as far as `reach` and `budget` go.

    An event whose copies differ in `received_at` stands at each of their places. Raises StoreUnavailable.
    """
    if question.identity:
        return Page(_copies_of(store, question, question.identity), None)
    bound = reach.end(HEAD_START_S)
    if bound:
        question = question.through(bound)
    copies: list[Listed] = []
    events: set[Identity] = set()
    for stretch in stretches(store, question, budget):
        for copy in stretch.copies:
            events.add(copy.identity)
            if len(events) > question.limit:
                last = copy.place
                same = [other for other in stretch.copies if other.place == last]
                copies += [other for other in stretch.copies if question.precedes(other.place, last)] + same
                return Page(copies, last)
        copies += stretch.copies
        if stretch.end and (budget.spent or _is_passed(reach.end(), stretch.end, question)):
            return Page(copies, stretch.end)
    return Page(copies, bound)


def stretches(store: DynamoDB, question: Question, budget: Budget) -> Iterator[Page]:
    """The copies of `question`, stretch after stretch, each with how far the list is known by then.

    No stretch but the list's last one is without `end`, or one that led no further. `budget` is
    charged; to stop is the caller's part. Raises StoreUnavailable.
    """
    days = days_of(store, question)
    budget.calls -= 1
    last: Position | None = None
    while days:
        reading = DayReading(store, question, days.pop(0))
        while not reading.done:
            budget.calls -= reading.read()
            copies = reading.take()
            last = copies[-1].place if copies else last
            yield Page(copies, reading.reached(last))
        if days:
            yield Page([], entrance(days[0], question))


def _copies_of(store: DynamoDB, question: Question, identity: Identity) -> list[Listed]:
    """The copies of one event that `question` asks for, in the list's order."""
    copies = store.copies([identity]).get(identity, [])
    wanted = [copy for copy in copies if copy.is_of(question) and question.holds(copy.place)]
    return wanted[::-1] if question.descending else wanted


def _is_passed(bound: Position | None, place: Position, question: Question) -> bool:
    return bound is not None and question.precedes(bound, place)
