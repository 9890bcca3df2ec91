"""A pace for what is done one after another."""

import asyncio

from pipeline.core.token_bucket import TokenBucket


class Pace:
    """At most so many steps a second, evenly."""

    def __init__(self, per_second: float) -> None:
        self._bucket = TokenBucket(per_second, burst=1)

    async def step(self, steps: int = 1) -> None:
        """Return when the next step is due; so many are taken then at once."""
        await asyncio.sleep(self._bucket.wait_s())
        self._bucket.spend(steps)
