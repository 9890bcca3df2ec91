"""`python -m bench.stubs.sns PORT`: answers Publish and PublishBatch as SNS does, and counts.

SNS' own limits that a publisher can run into without noticing are kept: ten entries of
distinct ids a request. `GET /counts` tells what came in.
Source: the AWS query protocol; SNS API reference, Publish and PublishBatch.
"""

import re
import sys

import msgspec

from bench.stubs.connection import Answer, Reply, Request, serve

_MOST_ENTRIES = 10
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")
_ENTRY_ID = re.compile(rb"member\.\d+\.Id=([^&]*)")
_NAMESPACE = b"http://sns.amazonaws.com/doc/2010-03-31/"
_METADATA = b"<ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata>"
_MESSAGE_ID = b"<MessageId>00000000-0000-0000-0000-%012d</MessageId>"


class SnsStub:
    """One topic: `events` that came in and the `calls` that carried them."""

    def __init__(self) -> None:
        self.events = 0
        self.calls = 0

    def __call__(self, request: Request, reply: Reply) -> None:
        """Answer a request."""
        if request.path == b"/counts":
            reply(Answer(200, b"application/json", msgspec.json.encode(vars(self))))
        else:
            reply(self._called(request.body))

    def _called(self, body: bytes) -> Answer:
        action = _ACTION.search(body)
        match action and action[1]:
            case b"PublishBatch":
                return self._publish_batch(body)
            case b"Publish":
                self._count(1)
                return _result(b"Publish", _MESSAGE_ID % self.events)
            case b"GetTopicAttributes":
                return _result(b"GetTopicAttributes", b"<Attributes></Attributes>")
        return _error(b"InvalidAction")

    def _publish_batch(self, body: bytes) -> Answer:
        ids = _ENTRY_ID.findall(body)
        if not ids:
            return _error(b"EmptyBatchRequest")
        if len(ids) > _MOST_ENTRIES:
            return _error(b"TooManyEntriesInBatchRequest")
        if len(set(ids)) < len(ids):
            return _error(b"BatchEntryIdsNotDistinct")
        self._count(len(ids))
        message_id = _MESSAGE_ID % self.events
        stored = b"".join(b"<member><Id>%b</Id>%b</member>" % (each, message_id) for each in ids)
        return _result(b"PublishBatch", b"<Failed/><Successful>%b</Successful>" % stored)

    def _count(self, events: int) -> None:
        self.events += events
        self.calls += 1


def _result(action: bytes, content: bytes) -> Answer:
    parts = (action, _NAMESPACE, action, content, action, _METADATA, action)
    return Answer(200, b"text/xml", b'<%bResponse xmlns="%b"><%bResult>%b</%bResult>%b</%bResponse>' % parts)


def _error(code: bytes) -> Answer:
    error = b"<Error><Type>Sender</Type><Code>%b</Code><Message>%b</Message></Error>" % (code, code)
    xml = b'<ErrorResponse xmlns="%b">%b<RequestId>0</RequestId></ErrorResponse>' % (_NAMESPACE, error)
    return Answer(400, b"text/xml", xml)


if __name__ == "__main__":
    serve(SnsStub(), int(sys.argv[1]))
