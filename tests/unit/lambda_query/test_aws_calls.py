"""Calls of AWS over connections of our own: what is read, what is sent once more, and what is no answer."""

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from lambda_query.aws_calls import AwsCalls, CallFailed
from pipeline.core.settings.query import AwsSettings

OK = b'HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: 11\r\n\r\n{"Items":1}'
BUSY = b"HTTP/1.1 503 Slow\r\nContent-Length: 2\r\n\r\n{}"
REFUSED = b'HTTP/1.1 400 Bad\r\ncontent-length:34\r\n\r\n{"__type":"x#ValidationException"}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
HTML = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"
CUT = OK[:-3]
CLOSED = b""
LONGEST_SILENCE_S = 0.5
END_S = 10


class Service:
    """Gives each request the next of `answers`, a piece at a time; closes the connection after one that is cut."""

    def __init__(self, answers: tuple[bytes, ...]) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._answers = list(answers)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(END_S)
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._thread.join(END_S)
        self._server.close()

    def _serve(self) -> None:
        while self._answers:
            connection, _ = self._server.accept()
            self.connections += 1
            with connection, connection.makefile("rb") as received, suppress(ConnectionError):
                self._talk(connection, received)  # an answer that is none is hung up on before its end

    def _talk(self, connection: socket.socket, received: io.BufferedReader) -> None:
        while self._answers and (line := received.readline()):
            head = line + b"".join(iter(received.readline, b"\r\n"))
            [length] = [each for each in head.splitlines() if each.startswith(b"content-length: ")]
            self.requests.append(head + received.read(int(length.split()[1])))
            answer = self._answers.pop(0)
            for place in range(len(answer)):
                connection.sendall(answer[place : place + 1])
            if answer in (CUT, CLOSED):
                return
        if not self._answers:
            received.read()  # until the other end has closed


@contextmanager
def calling(*answers: bytes) -> Iterator[tuple[AwsCalls, Service]]:
    service = Service(answers)
    calls = AwsCalls("dynamodb", reached(service), LONGEST_SILENCE_S)
    try:
        yield calls, service
    finally:
        calls.close()
        service.close()


@contextmanager
def answering(*answers: bytes) -> Iterator[AwsSettings]:
    service = Service(answers)
    try:
        yield reached(service)
    finally:
        service.close()


def reached(service: Service) -> AwsSettings:
    return AwsSettings(region="eu-west-1", access_key="a", secret_key="s", endpoint_url=service.url)


def test_calls_share_a_connection_and_say_what_they_are() -> None:
    with calling(OK, OK) as (calls, service):
        assert calls.call("Query", {"a": "é"}) == calls.call("Scan", {}) == {"Items": 1}
    assert service.connections == 1
    [first, second] = service.requests
    assert first.startswith(b"POST / HTTP/1.1\r\n")
    assert first.endswith(b'{"a": "\\u00e9"}')
    assert b"\r\nx-amz-target: DynamoDB_20120810.Query\r\n" in first
    assert b"\r\nauthorization: AWS4-HMAC-SHA256 Credential=a/" in first
    assert b"\r\nx-amz-target: DynamoDB_20120810.Scan\r\n" in second


@pytest.mark.parametrize("failing", [CLOSED, CUT, BUSY, HTML], ids=["closed", "cut", "busy", "html"])
def test_what_another_try_may_help_is_sent_once_more(failing: bytes) -> None:
    with calling(OK, failing, OK) as (calls, service):
        assert calls.call("Query", {}) == calls.call("Query", {}) == {"Items": 1}
    assert len(service.requests) == 3
    with calling(failing, failing, OK) as (calls, service):
        with pytest.raises(CallFailed):
            calls.call("Query", {})
        assert calls.call("Query", {}) == {"Items": 1}


def test_what_was_throttled_is_sent_again_after_a_pause_and_all_of_it_together() -> None:
    begun = time.monotonic()
    with calling(BUSY, OK) as (calls, service):
        assert calls.call("Query", {}) == {"Items": 1}
    assert time.monotonic() - begun >= 0.05
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    ("answer", "code"), [(REFUSED, "ValidationException"), (CHUNKED, "NoAnswer")], ids=["refused", "chunked"]
)
def test_what_no_try_can_help_is_sent_once(answer: bytes, code: str) -> None:
    with calling(answer) as (calls, service), pytest.raises(CallFailed) as failed:
        calls.call("Query", {})
    assert failed.value.code == code
    assert len(service.requests) == 1


def test_silence_and_nobody_there_are_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        where = AwsSettings(region="eu-west-1", access_key="a", secret_key="s", endpoint_url=url)
        calls = AwsCalls("dynamodb", where, LONGEST_SILENCE_S)
        with pytest.raises(CallFailed, match="TimeoutError"):
            calls.call("Query", {})
    with pytest.raises(CallFailed, match="ConnectionRefusedError"):
        calls.call("Query", {})
