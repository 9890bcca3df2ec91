"""Calls of SQS and DynamoDB (AWS JSON 1.0) as HTTP requests that are written and signed here.

botocore spends 2 ms of CPU on a call that carries ten messages; this a tenth of it. Where a
call isn't made thousands of times, use a client of pipeline/aws.py instead.
Sources: AWS JSON 1.0 protocol (Smithy); AWS Signature Version 4.
"""

import hashlib
import hmac
from contextlib import AsyncExitStack
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
from botocore.exceptions import BotoCoreError

from pipeline import aws, clock
from pipeline.errors import MensageriaError

T = TypeVar("T")
_CONTENT_TYPE = "application/x-amz-json-1.0"
_CONNECT_TIMEOUT_S = 2
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

    def __init__(self, service: Literal["sqs", "dynamodb"]) -> None:
        self._service: Literal["sqs", "dynamodb"] = service
        self._open = AsyncExitStack()
        self._account: aws.Account | None = None
        self._http: aiohttp.ClientSession

    async def call(self, operation: str, request: Any, answer: type[T], *, timeout_s: float) -> T:
        """The answer to `operation`, decoded; `timeout_s` is the longest silence. Raises CallFailed."""
        content = msgspec.json.encode(request)
        try:
            account = self._account or await self._connect()
            headers = _signed(account, self._service, operation, content, await account.credentials(), clock.now())
            timeout = aiohttp.ClientTimeout(sock_connect=_CONNECT_TIMEOUT_S, sock_read=timeout_s)
            async with self._http.post(account.url, data=content, headers=headers, timeout=timeout) as response:
                told = await response.read()
        except (BotoCoreError, aiohttp.ClientError, TimeoutError, OSError) as error:
            raise CallFailed("NoAnswer", repr(error)) from error
        if response.status != 200:
            raise _failure(response.status, told)
        try:
            return msgspec.json.decode(told, type=answer)
        except msgspec.DecodeError as error:
            raise CallFailed("NoAnswer", f"what answers is no {self._service}: {error}") from error

    async def close(self) -> None:
        """Close the connections; the next call makes others."""
        self._account = None
        await self._open.aclose()

    async def _connect(self) -> aws.Account:
        account = await self._open.enter_async_context(aws.account(self._service))
        self._http = await self._open.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=30),
                skip_auto_headers=("user-agent", "accept", "accept-encoding"),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        )
        self._account = account
        return account


def _failure(status: int, told: bytes) -> CallFailed:
    try:
        error: dict[str, Any] = msgspec.json.decode(told, type=dict[str, Any])
    except msgspec.DecodeError:
        return CallFailed(f"Http{status}", told[:200].decode(errors="replace"))
    code = str(error.get("__type", f"Http{status}")).rpartition("#")[2]
    return CallFailed(code, str(error.get("message") or error.get("Message") or ""))


def _signed(
    account: aws.Account, service: str, operation: str, content: bytes, credentials: aws.Credentials, moment: datetime
) -> dict[str, str]:
    timestamp = moment.strftime("%Y%m%dT%H%M%SZ")
    address = urlsplit(account.url)
    headers = {"host": address.netloc, "x-amz-date": timestamp}
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    headers["x-amz-target"] = f"{_TARGETS[service]}.{operation}"
    scope = f"{timestamp[:8]}/{account.region}/{service}/aws4_request"
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"POST\n{address.path or '/'}\n\n{lines}\n{names}\n{hashlib.sha256(content).hexdigest()}"
    to_sign = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = _signing_key(credentials.secret_key, timestamp[:8], account.region, service)
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    headers["content-type"] = _CONTENT_TYPE
    return headers


@lru_cache(maxsize=8)
def _signing_key(secret_key: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
