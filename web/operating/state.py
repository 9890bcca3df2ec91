"""The state of the pipeline at one moment, as the page /pipeline shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from operations.dead_letters import Place
from web.operating.chart import Chart
from web.operating.services import Service


class Age(NamedTuple):
    """How old the oldest message of a queue is: so old, or no older, or no younger than that."""

    seconds: float
    bound: Literal["exactly", "at_most", "at_least"] = "exactly"


@dataclass(frozen=True)
class Waiting:
    """What lies in one queue or topic. What is None is not known."""

    waiting: int | None = None
    in_flight: int | None = None
    oldest: Age | None = None


@dataclass(frozen=True)
class Way:
    """One of the three ways to a store: what waits on it, and the dead letters beside it."""

    place: Place
    live: Waiting
    dead: Waiting
    fault: str = ""


def brokers(ways: tuple[Way, ...]) -> tuple[Service, ...]:
    """SQS and Kafka, as the look at the ways found them."""
    faults = {"kafka" if way.place == "kafka" else "sqs": way.fault for way in ways}
    return tuple(Service(name, "down" if fault else "ok", fault) for name, fault in faults.items())


@dataclass(frozen=True)
class State:
    """All of it; `ways` is empty where the settings name no queue."""

    at: datetime
    services: tuple[Service, ...]
    charts: tuple[Chart, ...]
    ways: tuple[Way, ...] = ()
    since: dict[str, datetime] = field(default_factory=dict)
    """When each service, by its name, came into the health that it has."""
    pending: Mapping[str, int] = field(default_factory=dict)
    """How many accepted events each leg is still to get; without those that could not be read."""

    @property
    def out(self) -> tuple[str, ...]:
        """The names of the services that do not do their work."""
        return tuple(service.name for service in self.services if service.health in ("not_ready", "down"))

    @property
    def degraded(self) -> tuple[str, ...]:
        """The names of the services that work without a part of what they need."""
        return tuple(service.name for service in self.services if service.health == "degraded")

    @property
    def dead_letters(self) -> int:
        """How many there are, as far as that is known."""
        return sum(way.dead.waiting or 0 for way in self.ways)
