"""Both stores, asked at once, each with its deadline."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Any

from lambda_query.dynamodb import DynamoDB
from lambda_query.postgres import Postgres
from pipeline.errors import StoreUnavailable


class Stores:
    """PostgreSQL and DynamoDB, and the threads that ask them."""

    def __init__(self, postgres: Postgres, dynamodb: DynamoDB, timeout_s: float) -> None:
        self.postgres = postgres
        self.dynamodb = dynamodb
        self.timeout_s = timeout_s
        # A thread that was given up on ends by its own timeouts; until then others are to be free.
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="store")

    def close(self) -> None:
        """End the threads and the connections."""
        self._threads.shutdown()
        self.postgres.close()
        self.dynamodb.close()

    def ask(self, questions: Mapping[str, Callable[[], Any]], failures: dict[str, str]) -> dict[str, Any]:
        """The answer of each store in `questions` that gives one within `timeout_s`.

        Why another does not is put into `failures`, by its name.
        """
        until = monotonic() + self.timeout_s
        asked = {name: self._threads.submit(question) for name, question in questions.items()}
        answers: dict[str, Any] = {}
        for name, future in asked.items():
            try:
                answers[name] = _result(future, until)
            except StoreUnavailable as error:
                failures[name] = str(error)
        return answers


def _result(future: Future[Any], until: float) -> Any:
    try:
        return future.result(max(0, until - monotonic()))
    except TimeoutError as error:
        future.cancel()
        raise StoreUnavailable("no answer in time") from error
