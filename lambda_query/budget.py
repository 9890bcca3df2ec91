"""Budget of a scan of DynamoDB's index."""

from dataclasses import dataclass
from time import monotonic


@dataclass
class Budget:
    """What one walk may use up: calls of DynamoDB, and time until `until` (monotonic seconds)."""

    until: float
    calls: int

    @property
    def spent(self) -> bool:
        """Whether the walk is to stop at the next place where it can."""
        return self.calls <= 0 or monotonic() >= self.until
