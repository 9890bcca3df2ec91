"""Calls of AWS services in the JSON protocol (Smithy's AWS JSON), signed here.

All the requests of a call are sent before the first answer is read: they are under way
at once, without a thread. Why not the SDK: docs/decisions/0010-the-query-without-an-sdk.md.
"""

import json
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pipeline import clock
from pipeline.errors import MensageriaError
from pipeline.settings import AwsSettings
from pipeline.signature import Credentials, Signer

AT_ONCE = 8
"""Most calls under way at once: the connections that one instance holds."""
_PROTOCOLS = {"dynamodb": ("1.0", "DynamoDB_20120810"), "secretsmanager": ("1.1", "secretsmanager")}
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
        url = settings.endpoint(service)
        address = urlsplit(url)
        version, self._target = _PROTOCOLS[service]
        self._content_type = f"application/x-amz-json-{version}"
        self._connection_class = HTTPSConnection if address.scheme == "https" else HTTPConnection
        self._host, self._path, self._timeout_s = address.netloc, address.path or "/", timeout_s
        self._signer = Signer(url, settings.region, service)
        self._credentials = Credentials(settings.access_key, settings.secret_key, settings.session_token or None)
        self._idle: list[HTTPConnection] = []

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
        under_way: list[HTTPConnection] = []
        try:
            for content in contents:
                under_way.append(self._connection())
                self._send(under_way[-1], operation, content)
            answers = [self._finish(*each, operation) for each in zip(under_way, contents, strict=True)]
        except (OSError, HTTPException) as error:
            raise CallFailed("NoAnswer", repr(error)) from error
        else:
            self._idle += under_way
            under_way = []
            return answers
        finally:  # where one failed, the others' answers may lie unread in their connections
            for connection in under_way:
                connection.close()

    def _connection(self) -> HTTPConnection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connection_class(self._host, timeout=self._timeout_s)

    def _send(self, connection: HTTPConnection, operation: str, content: bytes) -> None:
        own = {"content-type": self._content_type, "x-amz-target": f"{self._target}.{operation}"}
        headers = self._signer.headers(content, own, self._credentials, clock.now())
        try:
            connection.request("POST", self._path, content, headers)
        except ConnectionError:  # stale: the other end has closed it; a connection that was closed connects anew
            connection.close()
            connection.request("POST", self._path, content, headers)

    def _finish(self, connection: HTTPConnection, content: bytes, operation: str) -> dict[str, Any]:
        """The answer to what was sent; where it may help, the request is sent once more."""
        try:
            return _answer(connection)
        except ConnectionError:
            connection.close()
        except CallFailed as error:
            if not error.retriable:
                raise
        self._send(connection, operation, content)
        return _answer(connection)


class CallRefused(CallFailed):
    """The service will refuse this call each time."""

    retriable = False


def _answer(connection: HTTPConnection) -> dict[str, Any]:
    response = connection.getresponse()
    told = response.read()
    try:
        answer: dict[str, Any] = json.loads(told)
    except ValueError:
        raise CallFailed("NoAnswer", f"what answers with {response.status} is no AWS service") from None
    if response.status < 400:
        return answer
    code = str(answer.get("__type", response.status)).rpartition("#")[2]
    kind = CallFailed if response.status >= 500 or code in _BUSY else CallRefused
    raise kind(code, str(answer.get("message") or answer.get("Message") or ""))
