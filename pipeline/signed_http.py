"""Requests to an AWS service that are signed here (Signature Version 4).

botocore spends 150 to 2,000 µs of CPU on a call where this spends a tenth. Where a call
isn't made thousands of times, use a client of pipeline/aws.py instead.
"""

import hashlib
import hmac
import io
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from botocore.exceptions import BotoCoreError

from pipeline import aws, clock
from pipeline.aws import Credentials
from pipeline.errors import MensageriaError

_CONNECT_TIMEOUT_S = 2
_LARGE_BYTES = 2**20


class NoAnswer(MensageriaError):
    """The service could not be reached, or fell silent."""

    retriable = True


class Signer:
    """Signs the POSTs to one endpoint of `service`."""

    def __init__(self, url: str, region: str, service: str) -> None:
        address = urlsplit(url)
        self._host = address.netloc
        self._path = address.path or "/"
        self._region = region
        self._service = service

    def headers(
        self, content: bytes, own: Mapping[str, str], credentials: Credentials, moment: datetime
    ) -> dict[str, str]:
        """The headers of a POST of `content` at `moment` (UTC): `own`, in lower case, and its signature."""
        timestamp = moment.strftime("%Y%m%dT%H%M%SZ")
        headers = {**own, "host": self._host, "x-amz-date": timestamp}
        if credentials.token:
            headers["x-amz-security-token"] = credentials.token
        names = sorted(headers)
        signed = ";".join(names)
        lines = "".join([f"{name}:{headers[name]}\n" for name in names])
        canonical = f"POST\n{self._path}\n\n{lines}\n{signed}\n{hashlib.sha256(content).hexdigest()}"
        scope = f"{timestamp[:8]}/{self._region}/{self._service}/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = _signing_key(credentials.secret_key, timestamp[:8], self._region, self._service)
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={signed}, "
            f"Signature={signature}"
        )
        return headers


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
            raise NoAnswer(repr(error)) from error


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


@lru_cache(maxsize=8)
def _signing_key(secret_key: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
