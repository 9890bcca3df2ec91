"""The query: an event of API Gateway's HTTP API in (payload format 2.0), an answer out.

A router of our own: six routes need no framework, and a cold start pays for each import.
"""

import traceback
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from lambda_query import access, request_log
from lambda_query.answers import Response, Verbatim, answer, encode, problem
from lambda_query.differences import find_differences
from lambda_query.dynamodb import DynamoDB
from lambda_query.following import list_stored
from lambda_query.listing import list_events
from lambda_query.parameters import (
    check_nothing,
    parse_differences,
    parse_identity,
    parse_list,
    parse_stats,
    parse_stored,
)
from lambda_query.postgres import Postgres
from lambda_query.receipt import AnswerTooLarge, find_event
from lambda_query.stats import count_events
from lambda_query.stores import Inquiry, Stores
from pipeline.core.errors import InvalidParameters, KeyRevoked, NoKey, SettingsError, StoreUnavailable
from pipeline.core.settings.query import QuerySettings

MIN_KEY_CHARACTERS = 32
_OPEN = ("/openapi.json",)
"""Routes that ask for no key."""
_METHODS = ("GET", "HEAD")


class _Request(NamedTuple):
    """What is asked: `query` as it came, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> "_Request":
        http = event["requestContext"]["http"]
        return cls(http["method"], event["rawPath"], event.get("rawQueryString", ""), event.get("headers") or {})


_UNREADABLE = _Request("", "", "", {})
"""What is logged of an event that is no request."""


class App:
    """Answers requests; call it with one event at a time."""

    def __init__(self, stores: Stores, cursor_key: str, check: access.Check) -> None:
        self._stores = stores
        self._key = cursor_key.encode()
        self._check = check
        self._routes: dict[str, Callable[[str, Inquiry], Response]] = {
            "/events": self._list,
            "/stored": self._follow,
            "/event": self._find,
            "/stats": self._count,
            "/differences": self._compare,
            "/openapi.json": self._describe,
        }

    def __call__(self, event: dict[str, Any]) -> Response:
        """The response to `event`; whatever happens, there is one, and one line in the log."""
        started = perf_counter()
        request = _UNREADABLE
        inquiry = Inquiry(self._stores)
        told: dict[str, Any] = {}
        try:
            request = _Request.of(event)
            reader, response = self._answer(request, inquiry)
        except Exception as error:  # noqa: BLE001 - it is logged below, with its traceback
            told = {"error": repr(error), "traceback": traceback.format_exc()}
            reader, response = None, _failed()
        route = request.path if request.path in self._routes else "unknown"
        seen = {"method": request.method, "route": route, "reader": reader, "headers": request.headers}
        request_log.write(seen, response["statusCode"], perf_counter() - started, inquiry.failures, **told)
        # To HEAD too: API Gateway leaves out the content and sends its length, which is GET's (RFC 9110, 8.6).
        return response

    def close(self) -> None:
        """Close the connections to the stores."""
        self._stores.close()

    def _answer(self, request: _Request, inquiry: Inquiry) -> tuple[str | None, Response]:
        """The name of the key that asks, and its answer."""
        if request.path not in self._routes:
            return None, problem(HTTPStatus.NOT_FOUND, "not-found", f"not found; try {', '.join(self._routes)}")
        if request.method not in _METHODS:
            headers = {"allow": ", ".join(_METHODS)}
            return None, problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", "send GET or HEAD", headers)
        try:
            reader = None if request.path in _OPEN else self._check(request.headers)
        except NoKey as error:
            headers = {"www-authenticate": "Bearer"}
            return None, problem(HTTPStatus.UNAUTHORIZED, "no-key", str(error), headers)
        except KeyRevoked as error:
            return None, problem(HTTPStatus.FORBIDDEN, "key-revoked", str(error))
        return reader, self._routed(request, inquiry)

    def _routed(self, request: _Request, inquiry: Inquiry) -> Response:
        try:
            return self._routes[request.path](request.query, inquiry)
        except InvalidParameters as error:
            faults = [
                {"parameter": name, "detail": fault.detail, "code": fault.code, "parameters": fault.parameters}
                for name, fault in error.faults.items()
            ]
            return problem(HTTPStatus.BAD_REQUEST, "invalid-parameters", str(error), errors=faults)
        except AnswerTooLarge as error:
            return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "answer-too-large", str(error))
        except StoreUnavailable as error:
            names = sorted(inquiry.failures)
            detail = f"{' and '.join(names)} did not answer ({error}): try again soon"
            headers = {"retry-after": "1"}
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, headers, unavailable=names)

    def _list(self, query: str, inquiry: Inquiry) -> Response:
        return answer(encode(list_events(inquiry, parse_list(query, self._key), self._key)))

    def _follow(self, query: str, inquiry: Inquiry) -> Response:
        return answer(encode(list_stored(inquiry, parse_stored(query, self._key), self._key)))

    def _find(self, query: str, inquiry: Inquiry) -> Response:
        if document := find_event(inquiry, parse_identity(query)):
            return answer(encode(document))
        return problem(
            HTTPStatus.NOT_FOUND, "not-found", "no store has this event: is `source` spelled as it was sent?"
        )

    def _count(self, query: str, inquiry: Inquiry) -> Response:
        return answer(encode(count_events(inquiry, parse_stats(query))))

    def _compare(self, query: str, inquiry: Inquiry) -> Response:
        return answer(encode(find_differences(inquiry, parse_differences(query, self._key), self._key)))

    def _describe(self, query: str, _: Inquiry) -> Response:
        check_nothing(query)
        return answer(Verbatim(Path(__file__).with_name("openapi.json").read_text()))


def create_app(settings: QuerySettings) -> App:
    """The query with its stores, to which it connects at the first request.

    Raises SettingsError where the key of the cursors is too short, or no key may ask.
    """
    if len(settings.cursor_key) < MIN_KEY_CHARACTERS:
        raise SettingsError(f"MENSAGERIA_CURSOR_KEY has less than {MIN_KEY_CHARACTERS} characters: make a longer one")
    check = access.check(settings)
    timeout_s = settings.store_timeout_s
    dynamodb = DynamoDB(settings.table, settings.aws, timeout_s)
    stores = Stores(Postgres(settings.query_postgres_url, timeout_s), dynamodb, timeout_s)
    return App(stores, settings.cursor_key, check)


def _failed() -> Response:
    detail = "internal error, described in the query's log: try again"
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", detail)
