"""What a publisher may do: whose key it is, and how much it may publish."""

from pathlib import Path

from gateway.keys import Keys
from gateway.token_bucket import TokenBucket
from pipeline.settings import GatewaySettings

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

    def spend(self, publisher: str | None, events: int) -> None:
        """Count `events` against the publisher's rate; raises RateLimited."""
        if not self._per_s:
            return
        name = publisher or _OPEN
        if name not in self._buckets:
            self._buckets[name] = TokenBucket(self._per_s, self._burst)
        self._buckets[name].take(events)

    def reload(self) -> None:
        """Read the keys again."""
        if self._keys:
            self._keys.reload()
