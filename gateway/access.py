"""Access of publishers: the name of their key, and their rate."""

from pathlib import Path

from gateway.errors import RateLimited
from gateway.keys import Keys
from pipeline.core.settings.gateway import GatewaySettings
from pipeline.core.token_bucket import TokenBucket

_OPEN = ""


class Access:
    """Without a file of keys anyone is let in, nameless, with one rate for all."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Raises SettingsError where the file of keys won't do."""
        self._keys = Keys(Path(settings.keys_file)) if settings.keys_file else None
        self._per_s = settings.key_events_per_s
        self._burst = settings.key_burst_events
        self._buckets: dict[str, TokenBucket] = {}

    def publisher(self, authorization: str | None) -> str | None:
        """The name of the key in the header, None where none is asked for; raises NoKey and KeyRevoked."""
        return self._keys.publisher(authorization) if self._keys else None

    def require_rate(self, publisher: str | None) -> None:
        """Raise RateLimited where the publisher has published more than its rate."""
        if self._per_s and (wait_s := self._bucket(publisher).wait_s()):
            raise RateLimited(f"rate limit of {self._per_s:g} events a second exceeded: send more slowly", wait_s)

    def spend(self, publisher: str | None, events: int) -> None:
        """Count `events` against the publisher's rate: a large batch goes into debt."""
        if self._per_s:
            self._bucket(publisher).spend(events)

    def _bucket(self, publisher: str | None) -> TokenBucket:
        name = publisher or _OPEN
        if name not in self._buckets:
            self._buckets[name] = TokenBucket(self._per_s, self._burst)
        return self._buckets[name]

    def reload(self) -> None:
        """Read the keys again."""
        if self._keys:
            self._keys.reload()
