"""Signature Version 4: what makes a request to AWS one of ours.

Only the standard library is imported here: the Lambda's archive holds this module.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit


class Credentials(NamedTuple):
    """What signs a request; `token` is there with a role's credentials."""

    access_key: str
    secret_key: str
    token: str | None


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


@lru_cache(maxsize=8)
def _signing_key(secret_key: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
