"""Requests to an AWS service that are signed here (Signature Version 4).

botocore spends 150 to 2,000 µs of CPU on a call where this spends a tenth. Where a call
isn't made thousands of times, use a client of pipeline/clients/aws.py instead.
"""

import io
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from botocore.exceptions import BotoCoreError

from pipeline.clients import aws
from pipeline.core import clock
from pipeline.core.errors import MensageriaError
from pipeline.core.signature import Signer

_CONNECT_TIMEOUT_S = 2
_LARGE_BYTES = 2**20


class NoAnswer(MensageriaError):
    """The service could not be reached, or fell silent."""

    retriable = True


class SignedHttp:
    """One service: its client for what is seldom asked, and `post` for the rest."""

    def __init__(self, account: aws.Account, service: aws.Service, http: aiohttp.ClientSession) -> None:
        self.client: Any = account.client
        self._account = account
        self._signer = Signer(account.url, account.region, service)
        self._http = http

    async def post(self, content: bytes, headers: Mapping[str, str], *, timeout_s: float) -> tuple[int, bytes]:
        """The status and body of the answer; `timeout_s` is the longest silence. Raises NoAnswer."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_S, sock_read=timeout_s)
        try:
            signed = self._signer.headers(content, headers, await self._account.credentials(), clock.now())
            # aiohttp writes a large body in parts only where it is a file: as bytes it holds up the loop.
            data = io.BytesIO(content) if len(content) > _LARGE_BYTES else content
            async with self._http.post(self._account.url, data=data, headers=signed, timeout=timeout) as answer:
                return answer.status, await answer.read()
        except (BotoCoreError, aiohttp.ClientError, TimeoutError, OSError) as error:
            # Not its repr: that of an answer which is no HTTP has the signed headers of the request in it.
            raise NoAnswer(f"{type(error).__name__}: {error}".removesuffix(": ")) from error


@asynccontextmanager
async def signed_http(
    service: aws.Service, *, connections: int, endpoint: aws.Endpoint | None = None
) -> AsyncGenerator[SignedHttp, None]:
    """`service` over at most `connections` connections, to be entered once by each process that needs it."""
    async with (
        aws.account(service, endpoint) as account,
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=30),
            skip_auto_headers=("user-agent", "accept", "accept-encoding"),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        ) as http,
    ):
        yield SignedHttp(account, service, http)
