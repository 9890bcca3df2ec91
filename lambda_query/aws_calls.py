"""Calls of AWS services in the JSON protocol (Smithy's AWS JSON), signed here.

All the requests of a call are sent before the first answer is read: they are under way
at once, without a thread. Why not the SDK: docs/decisions/0010-the-query-without-an-sdk.md.
"""

import json
import random
import time
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from lambda_query.http_connection import HttpConnection
from pipeline.core import clock
from pipeline.core.errors import MensageriaError
from pipeline.core.settings.query import AwsSettings
from pipeline.core.signature import Credentials, Signer

AT_ONCE = 8
"""Most calls under way at once: the connections that one instance holds."""
_PROTOCOLS = {"dynamodb": ("1.0", "DynamoDB_20120810"), "secretsmanager": ("1.1", "secretsmanager")}
_PAUSE_S = 0.1
"""Before what was throttled is sent once more, half of it at least: at once it would be throttled again."""
_BUSY = ("ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException")


class CallFailed(MensageriaError):
    """The service did not answer, or refused the call: `code` is AWS' own, or `NoAnswer`."""

    retriable: ClassVar[bool] = True

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


class AwsCalls:
    """One service. Connections are made at their first use and again where they went stale."""

    def __init__(self, service: Literal["dynamodb", "secretsmanager"], settings: AwsSettings, timeout_s: float) -> None:
        """`timeout_s` is the longest silence of a connection."""
        self._url, self._timeout_s = settings.endpoint(service), timeout_s
        version, self._target = _PROTOCOLS[service]
        self._content_type = f"application/x-amz-json-{version}"
        self._signer = Signer(self._url, settings.region, service)
        self._credentials = Credentials(settings.access_key, settings.secret_key, settings.session_token or None)
        self._idle: list[HttpConnection] = []

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request. Raises CallFailed."""
        return self.call_all(operation, [request])[0]

    def call_all(self, operation: str, requests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """The answer to each of `requests`, in their order, AT_ONCE under way at a time. Raises CallFailed."""
        contents = [json.dumps(request).encode() for request in requests]
        answers: list[dict[str, Any]] = []
        for start in range(0, len(contents), AT_ONCE):
            answers += self._at_once(operation, contents[start : start + AT_ONCE])
        return answers

    def close(self) -> None:
        """Close the connections."""
        while self._idle:
            self._idle.pop().close()

    def _at_once(self, operation: str, contents: list[bytes]) -> list[dict[str, Any]]:
        under_way: list[HttpConnection] = []
        try:
            for content in contents:
                under_way.append(self._connection())
                self._send(under_way[-1], operation, content)
            answers = self._finish(operation, list(zip(under_way, contents, strict=True)))
        except OSError as error:
            raise CallFailed("NoAnswer", repr(error)) from error
        else:
            self._idle += under_way
            under_way = []
            return answers
        finally:  # where one failed, the others' answers may lie unread in their connections
            for connection in under_way:
                connection.close()

    def _connection(self) -> HttpConnection:
        try:
            return self._idle.pop()
        except IndexError:
            return HttpConnection(self._url, self._timeout_s)

    def _send(self, connection: HttpConnection, operation: str, content: bytes) -> None:
        own = {"content-type": self._content_type, "x-amz-target": f"{self._target}.{operation}"}
        headers = self._signer.headers(content, own, self._credentials, clock.now())
        try:
            connection.send(headers, content)
        except ConnectionError:  # stale: the other end has closed it; a connection that was closed connects anew
            connection.close()
            connection.send(headers, content)

    def _finish(self, operation: str, sent: list[tuple[HttpConnection, bytes]]) -> list[dict[str, Any]]:
        """The answers to what was sent; where it may help, a request is sent once more, and all of these together."""
        first = [_first_answer(connection) for connection, _ in sent]
        if any(isinstance(answer, CallFailed) for answer in first):
            time.sleep(_PAUSE_S * random.uniform(0.5, 1))  # noqa: S311 - it spreads calls, and hides nothing
        again = [each for each, answer in zip(sent, first, strict=True) if isinstance(answer, Exception)]
        for connection, content in again:
            self._send(connection, operation, content)
        second = iter([_answer(connection) for connection, _ in again])
        return [next(second) if isinstance(answer, Exception) else answer for answer in first]


class CallRefused(CallFailed):
    """The service will refuse this call each time."""

    retriable = False


def _first_answer(connection: HttpConnection) -> dict[str, Any] | CallFailed | ConnectionError:
    """The answer, or why the request may be sent once more. Raises CallRefused."""
    try:
        return _answer(connection)
    except ConnectionError as error:
        connection.close()
        return error
    except CallFailed as error:
        if not error.retriable:
            raise
        return error


def _answer(connection: HttpConnection) -> dict[str, Any]:
    status, told = connection.receive()
    try:
        answer: dict[str, Any] = json.loads(told)
    except ValueError:
        raise CallFailed("NoAnswer", f"the answer ({status}) is not of an AWS service") from None
    if status < 400:
        return answer
    code = str(answer.get("__type", status)).rpartition("#")[2]
    kind = CallFailed if status >= 500 or code in _BUSY else CallRefused
    raise kind(code, str(answer.get("message") or answer.get("Message") or ""))
