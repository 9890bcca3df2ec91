"""The next part of a list in both stores, merged as far as both reach."""

from collections.abc import Callable
from functools import partial
from typing import Any

from lambda_query.bounds import Budget, ScanBound
from lambda_query.index_scan import walk
from lambda_query.page_merge import Merge
from lambda_query.postgres import Postgres
from lambda_query.question import DYNAMODB, POSTGRES, Question
from lambda_query.records import Page
from lambda_query.stores import Inquiry
from pipeline.core.errors import StoreUnavailable

WALK_CALLS = 160
"""Most calls of DynamoDB that a page's walk through the index takes."""
WALK_SHARE = 0.5
"""Of a request's time: a walk that took more ends its page and leaves the rest to the next one."""
_READ_SHARE = 0.7
"""Of a request's time, after which a store that has not given its part is left out."""


def read(inquiry: Inquiry, question: Question) -> Merge:
    """What the stores have of `question`, as far as those that answer reach. Raises StoreUnavailable."""
    stores = inquiry.stores
    budget = Budget(until=inquiry.began + stores.timeout_s * WALK_SHARE, calls=WALK_CALLS)
    reach = ScanBound()
    if POSTGRES not in question.stores:
        reach.tell(None)
    questions: dict[str, Callable[[], Any]] = {
        POSTGRES: partial(_page_of_rows, stores.postgres, question, reach),
        DYNAMODB: partial(walk, stores.dynamodb, question, budget, reach),
    }
    parts: dict[str, Page] = inquiry.ask({name: questions[name] for name in question.stores}, share=_READ_SHARE)
    if not parts:
        raise StoreUnavailable("no store answered")
    return Merge(question, parts.get(POSTGRES), parts.get(DYNAMODB))


def _page_of_rows(store: Postgres, question: Question, reach: ScanBound) -> Page:
    """PostgreSQL's page; `reach` gets its end, or that there is none where it fails."""
    end = None
    try:
        page = store.page(question)
        end = page.end
    finally:
        reach.tell(end)
    return page
