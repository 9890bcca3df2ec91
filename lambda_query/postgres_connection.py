"""The query's connection to PostgreSQL, and which errors mean that it is unavailable."""

import ssl
from urllib.parse import parse_qsl, unquote, urlsplit

from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection

from pipeline.core.errors import StoreUnavailable

_LOST = ("08", "25P03", "57P")
"""SQLSTATEs of a connection that is no more: failure, ended while idle, the server stops or starts."""
_UNAVAILABLE = ("28", "3D", "53", "57", "58", "XX")
"""SQLSTATE classes: login, database, resources, canceled by the statement timeout, system, internal."""


class ConnectionLost(StoreUnavailable):
    """A connection that was good before: a new one may be."""


def connect(url: str, timeout_s: float) -> Connection:
    """A new connection. Raises StoreUnavailable.

    `url` is a libpq URL; of its options `sslmode` and `sslrootcert` are known.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    try:
        return Connection(
            user=unquote(parts.username or "postgres"),
            password=unquote(parts.password) if parts.password else None,
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 5432,
            database=unquote(parts.path.lstrip("/")) or None,
            ssl_context=_tls(options.get("sslmode", "prefer"), options.get("sslrootcert")),
            timeout=timeout_s,
            application_name="mensageria-query",
        )
    except (DatabaseError, InterfaceError, OSError) as error:
        raise unavailable(error) or error from error


def unavailable(error: Exception) -> StoreUnavailable | None:
    """What `error` says of the database: that it cannot be used now, or None where the fault is ours."""
    if isinstance(error, DatabaseError):
        state, text = error.args[0].get("C", ""), error.args[0].get("M", "")
        if state.startswith(_LOST):
            return ConnectionLost(text)
        return StoreUnavailable(text) if state.startswith(_UNAVAILABLE) else None
    if isinstance(error, TimeoutError) or isinstance(error.__cause__, TimeoutError):
        return StoreUnavailable("no answer in time")
    return ConnectionLost(str(error))


def _tls(mode: str, root_certificate: str | None) -> ssl.SSLContext | bool | None:
    if mode.startswith("verify"):
        context = ssl.create_default_context(cafile=root_certificate)
        context.check_hostname = mode == "verify-full"
        return context
    # None: encrypted where the server can; True: always; both without a look at who it is, as libpq does.
    return {"disable": False, "require": True}.get(mode)
