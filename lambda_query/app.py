"""The query: an event of API Gateway's HTTP API in (payload format 2.0), an answer out.

A router of our own: two routes need no framework, and a cold start pays for each import.
"""

import json
import re
import sys
import traceback
from collections.abc import Callable
from http import HTTPStatus
from time import perf_counter
from typing import Any

from lambda_query.answers import Response, answer, problem
from lambda_query.dynamodb import DynamoDB
from lambda_query.listing import list_events
from lambda_query.parameters import parse_identity, parse_list
from lambda_query.postgres import Postgres
from lambda_query.receipt import find_event
from lambda_query.stores import Stores
from pipeline import clock
from pipeline.errors import InvalidParameters, SettingsError, StoreUnavailable
from pipeline.settings import QuerySettings

MIN_KEY_CHARACTERS = 32
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class App:
    """Answers requests; call it with one event at a time."""

    def __init__(self, stores: Stores, cursor_key: str) -> None:
        self._stores = stores
        self._key = cursor_key.encode()
        self._routes: dict[str, Callable[[str, dict[str, str]], Response]] = {
            "/events": self._list,
            "/event": self._find,
        }

    def __call__(self, event: dict[str, Any]) -> Response:
        """The response to `event`; whatever happens, there is one, and one line in the log."""
        started = perf_counter()
        method, path = event["requestContext"]["http"]["method"], event["rawPath"]
        failures: dict[str, str] = {}
        line: dict[str, Any] = {}
        try:
            response = self._answer(method, path, event.get("rawQueryString", ""), failures)
        except Exception as error:  # noqa: BLE001 - it is logged below, with its traceback
            line = {"error": repr(error), "traceback": traceback.format_exc()}
            response = problem(
                HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "the query failed: try again; its log says more"
            )
        _log(
            level="error" if line else "warning" if failures else "info",
            method=method,
            route=path if path in self._routes else "unknown",
            status=response["statusCode"],
            duration_ms=round((perf_counter() - started) * 1000, 1),
            trace_id=_trace_id(event),
            unavailable=failures,
            **line,
        )
        return response

    def close(self) -> None:
        """Close the connections to the stores."""
        self._stores.close()

    def _answer(self, method: str, path: str, query: str, failures: dict[str, str]) -> Response:
        if path not in self._routes:
            return problem(HTTPStatus.NOT_FOUND, "not-found", f"there are {' and '.join(self._routes)}")
        if method != "GET":
            response = problem(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", "send GET")
            response["headers"]["allow"] = "GET"
            return response
        try:
            return self._routes[path](query, failures)
        except InvalidParameters as error:
            faults = [{"parameter": name, "detail": fault} for name, fault in error.faults.items()]
            return problem(HTTPStatus.BAD_REQUEST, "invalid-parameters", str(error), errors=faults)
        except StoreUnavailable as error:
            names = sorted(failures)
            detail = f"{' and '.join(names)} did not answer, {error}: try again soon"
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, unavailable=names)

    def _list(self, query: str, failures: dict[str, str]) -> Response:
        question = parse_list(query, self._key)
        return answer(list_events(self._stores, question, self._key, failures))

    def _find(self, query: str, failures: dict[str, str]) -> Response:
        identity = parse_identity(query)
        if document := find_event(self._stores, identity, failures):
            return answer(document)
        return problem(
            HTTPStatus.NOT_FOUND, "not-found", "no store has this event: is `source` spelled as it was sent?"
        )


def create_app(settings: QuerySettings) -> App:
    """The query with its stores, to which it connects at the first request.

    Raises SettingsError where the key of the cursors is too short.
    """
    if len(settings.cursor_key) < MIN_KEY_CHARACTERS:
        raise SettingsError(f"MENSAGERIA_CURSOR_KEY has less than {MIN_KEY_CHARACTERS} characters: make a longer one")
    timeout_s = settings.store_timeout_s
    stores = Stores(Postgres(settings.postgres_url, timeout_s), DynamoDB(settings.table, timeout_s), timeout_s)
    return App(stores, settings.cursor_key)


def _trace_id(event: dict[str, Any]) -> str | None:
    found = _TRACEPARENT.match(event.get("headers", {}).get("traceparent", ""))
    return found[1] if found else None


def _log(level: str, **members: Any) -> None:
    head = {"timestamp": clock.rfc3339(clock.now()), "level": level, "service": "query", "event": "request"}
    # One write a line: lines of a killed instance are whole or not there.
    sys.stderr.write(json.dumps(head | members) + "\n")
    sys.stderr.flush()
