"""The three ways by which an event reaches a store: every list and picture of them derives from WAYS."""

from dataclasses import dataclass
from typing import Literal

Via = Literal["sqs", "kafka"]
"""How an event came to a store: the field `via` of its copies and of dead letters."""
Store = Literal["postgres", "dynamodb"]
Broker = Literal["sns", "kafka"]
Key = Literal["b", "c", "kafka"]
"""Names a way in commands and in the keys of dead letters: by its queue, or the topic."""

SERVICE_B, SERVICE_C = "service-b", "service-c"
"""The services' names: in logs, metrics and dead letters, and as the Faust app that is service C's consumer group."""
HEALER_GROUP = f"{SERVICE_C}-healer"
"""The group in which service C consumes the pending topic."""


@dataclass(frozen=True, slots=True)
class Way:
    """From a broker, by a queue or from the topic itself (None), through a service into a store."""

    key: Key
    broker: Broker
    queue: Literal["b", "c"] | None
    service: str
    store: Store
    via: Via

    @property
    def name(self) -> str:
        """The store and how it is reached, in one word."""
        return f"{self.store}_{self.via}"

    @property
    def copy(self) -> Via | None:
        """The `via` that distinguishes its copy from the others of the event; None in PostgreSQL, which has one row."""
        return None if self.store == "postgres" else self.via


WAYS = (
    Way("b", "sns", "b", SERVICE_B, "postgres", "sqs"),
    Way("c", "sns", "c", SERVICE_C, "dynamodb", "sqs"),
    Way("kafka", "kafka", None, SERVICE_C, "dynamodb", "kafka"),
)
