"""`python -m bench.sns_stub PORT`: answers Publish and PublishBatch as SNS does, and counts.

SNS' own limits that a publisher can run into without noticing are kept: ten entries of
distinct ids a request. `GET /counts` tells what came in.
Source: the AWS query protocol; SNS API reference, Publish and PublishBatch.
"""

import asyncio
import json
import re
import sys
from typing import cast

import httptools
import uvloop

HOST = "127.0.0.1"
_MOST_ENTRIES = 10
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")
_ENTRY_ID = re.compile(rb"member\.\d+\.Id=([^&]*)")
_NAMESPACE = b"http://sns.amazonaws.com/doc/2010-03-31/"
_METADATA = b"<ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata>"
_MESSAGE_ID = b"<MessageId>00000000-0000-0000-0000-%012d</MessageId>"


class Counts:
    """What came in since the start: `events` and the `calls` that carried them."""

    def __init__(self) -> None:
        self.events = 0
        self.calls = 0


class SnsStub(asyncio.Protocol):
    """One connection."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._url = b""
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A new connection."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        """A piece of a request."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """A request's first line."""
        self._url = url

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._body += body

    def on_message_complete(self) -> None:
        """A whole request."""
        body, self._body = self._body, b""
        if self._url == b"/counts":
            self._answer(b"200 OK", b"application/json", json.dumps(vars(self._counts)).encode())
        else:
            self._answer_call(body)

    def _answer_call(self, body: bytes) -> None:
        action = _ACTION.search(body)
        match action and action[1]:
            case b"PublishBatch":
                self._publish_batch(body)
            case b"Publish":
                self._count(1)
                self._result(b"Publish", _MESSAGE_ID % self._counts.events)
            case b"GetTopicAttributes":
                self._result(b"GetTopicAttributes", b"<Attributes></Attributes>")
            case _:
                self._error(b"InvalidAction")

    def _publish_batch(self, body: bytes) -> None:
        ids = _ENTRY_ID.findall(body)
        if not ids:
            return self._error(b"EmptyBatchRequest")
        if len(ids) > _MOST_ENTRIES:
            return self._error(b"TooManyEntriesInBatchRequest")
        if len(set(ids)) < len(ids):
            return self._error(b"BatchEntryIdsNotDistinct")
        self._count(len(ids))
        message_id = _MESSAGE_ID % self._counts.events
        stored = b"".join(b"<member><Id>%b</Id>%b</member>" % (each, message_id) for each in ids)
        return self._result(b"PublishBatch", b"<Failed/><Successful>%b</Successful>" % stored)

    def _count(self, events: int) -> None:
        self._counts.events += events
        self._counts.calls += 1

    def _result(self, action: bytes, content: bytes) -> None:
        parts = (action, _NAMESPACE, action, content, action, _METADATA, action)
        xml = b'<%bResponse xmlns="%b"><%bResult>%b</%bResult>%b</%bResponse>' % parts
        self._answer(b"200 OK", b"text/xml", xml)

    def _error(self, code: bytes) -> None:
        error = b"<Error><Type>Sender</Type><Code>%b</Code><Message>%b</Message></Error>" % (code, code)
        xml = b'<ErrorResponse xmlns="%b">%b<RequestId>0</RequestId></ErrorResponse>' % (_NAMESPACE, error)
        self._answer(b"400 Bad Request", b"text/xml", xml)

    def _answer(self, status: bytes, media_type: bytes, content: bytes) -> None:
        head = b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % (status, media_type, len(content)) + content)


async def serve(port: int) -> None:
    """Serve until the process is told to end."""
    counts = Counts()
    server = await asyncio.get_running_loop().create_server(lambda: SnsStub(counts), HOST, port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
