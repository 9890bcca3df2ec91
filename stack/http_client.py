"""The HTTP client for servers on this machine."""

import ssl
from typing import Any

import httpx

_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""It trusts nobody: these servers speak plain HTTP, and reading the machine's certificates takes longer than a look."""


def http_client(**options: Any) -> httpx.AsyncClient:
    """A client that no environment variable changes; `options` are httpx's."""
    return httpx.AsyncClient(trust_env=False, verify=_NO_CERTIFICATES, **options)
