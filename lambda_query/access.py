"""Access to the query: named keys as at the gateway, from a setting."""

from collections.abc import Callable, Mapping

from pipeline.core import keys
from pipeline.core.errors import SettingsError
from pipeline.core.settings.query import QuerySettings

Check = Callable[[Mapping[str, str]], str | None]
"""The name of the key in a request's headers, None where none is asked for; raises NoKey and KeyRevoked."""


def check(settings: QuerySettings) -> Check:
    """What lets in who has a key, or anyone. Raises SettingsError where there is no key, or one is wrong."""
    if settings.access == "open":
        return lambda _: None
    lines = [line for line in settings.keys.split(",") if line.strip()]
    if not lines:
        raise SettingsError(
            "MENSAGERIA_QUERY_KEYS has no key: make one with python -m gateway.keys NAME,"
            " or let in anyone with MENSAGERIA_QUERY_ACCESS=open"
        )
    try:
        known = tuple(map(keys.parse, lines))
    except SettingsError as error:
        raise SettingsError(f"MENSAGERIA_QUERY_KEYS: {error}") from None
    return lambda headers: keys.owner(known, headers.get("authorization"), "this query")
