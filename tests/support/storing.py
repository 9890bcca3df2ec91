"""Writes many events through a service's store."""

import asyncio
from collections.abc import Sequence

from pipeline.events.delivery import Delivery
from streams.store import Store


async def store_all(store: Store, deliveries: Sequence[Delivery]) -> None:
    """Store them in calls of the size that `store` takes. Raises StoreUnavailable."""
    size = store.call_events
    await asyncio.gather(*(store.store(deliveries[at : at + size]) for at in range(0, len(deliveries), size)))
