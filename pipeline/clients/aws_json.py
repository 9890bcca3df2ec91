"""Calls of SQS and DynamoDB over signed HTTP. Source: the AWS JSON 1.0 protocol (Smithy)."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Literal, TypeVar

import msgspec
from botocore.exceptions import BotoCoreError

from pipeline.clients.aws import Endpoint
from pipeline.clients.signed_http import NoAnswer, SignedHttp, signed_http
from pipeline.core.errors import MensageriaError

T = TypeVar("T")
_CONTENT_TYPE = "application/x-amz-json-1.0"
_CONNECTIONS = 64
_TARGETS = {"sqs": "AmazonSQS", "dynamodb": "DynamoDB_20120810"}


class CallFailed(MensageriaError):
    """The service refused a call, or didn't answer it: `code` is AWS' own, or `NoAnswer`."""

    retriable = True

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


class JsonApi:
    """One service; it connects with the first call, in the loop that makes it."""

    def __init__(self, service: Literal["sqs", "dynamodb"], endpoint: Endpoint | None = None) -> None:
        self._service: Literal["sqs", "dynamodb"] = service
        self._endpoint = endpoint
        self._open = AsyncExitStack()
        self._http: SignedHttp | None = None
        self._connecting = asyncio.Lock()

    async def call(self, operation: str, request: Any, answer: type[T], *, timeout_s: float) -> T:
        """The answer to `operation`, decoded; `timeout_s` is the longest silence. Raises CallFailed."""
        content = msgspec.json.encode(request)
        headers = {"content-type": _CONTENT_TYPE, "x-amz-target": f"{_TARGETS[self._service]}.{operation}"}
        try:
            http = self._http or await self._connect()
            status, told = await http.post(content, headers, timeout_s=timeout_s)
        except (NoAnswer, BotoCoreError) as error:
            raise CallFailed("NoAnswer", str(error)) from error
        if status != 200:
            raise _failure(status, told)
        try:
            return msgspec.json.decode(told, type=answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CallFailed("NoAnswer", f"what answers is no {self._service}: {error}") from error

    async def close(self) -> None:
        """Close the connections; the next call makes others."""
        self._http = None
        self._connecting = asyncio.Lock()  # the next call may be made in another loop
        await self._open.aclose()

    async def _connect(self) -> SignedHttp:
        async with self._connecting:  # the first calls come together, and an SDK session is dear
            if self._http is None:
                http = signed_http(self._service, connections=_CONNECTIONS, endpoint=self._endpoint)
                self._http = await self._open.enter_async_context(http)
            return self._http


def _failure(status: int, told: bytes) -> CallFailed:
    try:
        error: dict[str, Any] = msgspec.json.decode(told, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return CallFailed(f"Http{status}", told[:200].decode(errors="replace"))
    code = str(error.get("__type", f"Http{status}")).rpartition("#")[2]
    return CallFailed(code, str(error.get("message") or error.get("Message") or ""))
