"""The HTTP client of the tests."""

from typing import Any

import httpx

_TLS = httpx.create_ssl_context(trust_env=False)
"""Made once: it reads every certificate of the machine, which takes longer than a probe."""


def http_client(**options: Any) -> httpx.AsyncClient:
    """A client that no environment variable changes; `options` are httpx's."""
    return httpx.AsyncClient(trust_env=False, verify=_TLS, **options)
