"""A store as /readyz sees it: one that answers a ping may still take no write."""

from collections.abc import Sequence

from pipeline.core.errors import StoreUnavailable
from streams.intake import Intake
from streams.store import Store


class WritableStore:
    """A store with the intakes that write to it."""

    def __init__(self, store: Store, intakes: Sequence[Intake]) -> None:
        self.name = store.name
        self._store = store
        self._intakes = intakes

    async def ping(self) -> None:
        """Raises StoreUnavailable where the store does not answer, or where the last call of an intake failed."""
        await self._store.ping()
        for intake in self._intakes:
            if intake.outage:
                raise StoreUnavailable(f"{self.name}: {intake.outage}")
