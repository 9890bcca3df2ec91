"""Both stores, asked at once, with one deadline for all that a request asks them."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Any

from lambda_query.dynamodb import DynamoDB
from lambda_query.postgres import Postgres
from pipeline.core.errors import StoreUnavailable


class Stores:
    """PostgreSQL and DynamoDB, and the threads that ask them."""

    def __init__(self, postgres: Postgres, dynamodb: DynamoDB, timeout_s: float) -> None:
        self.postgres = postgres
        self.dynamodb = dynamodb
        self.timeout_s = timeout_s
        # A thread that was given up on ends by its own timeouts; until then others are to be free.
        self.threads = ThreadPoolExecutor(8, thread_name_prefix="store")

    def close(self) -> None:
        """End the threads and the connections."""
        self.threads.shutdown()
        self.postgres.close()
        self.dynamodb.close()


class Inquiry:
    """What one request asks the stores.

    `failures` has the reason why a store did not answer, by its name; `began` is in monotonic seconds.
    """

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.began = monotonic()
        self.failures: dict[str, str] = {}

    @property
    def state(self) -> dict[str, Any]:
        """What every answer says of the stores."""
        return {"partial": bool(self.failures), "unavailable": sorted(self.failures)}

    def ask(self, questions: Mapping[str, Callable[[], Any]], *, share: float = 1.0) -> dict[str, Any]:
        """The answer of each store in `questions` that gives one in time; why not is in `failures`.

        `share` of the request's time is for these questions and all before them: where a store
        hangs, the rest is left for what the others are still to be asked.
        """
        deadline = self.began + share * self.stores.timeout_s
        asked = {name: self.stores.threads.submit(question) for name, question in questions.items()}
        answers: dict[str, Any] = {}
        for name, future in asked.items():
            try:
                answers[name] = _result(future, deadline)
            except StoreUnavailable as error:
                self.failures[name] = str(error)
        return answers


def _result(future: Future[Any], deadline: float) -> Any:
    try:
        return future.result(max(0, deadline - monotonic()))
    except TimeoutError as error:
        future.cancel()
        raise StoreUnavailable("no answer in time") from error
