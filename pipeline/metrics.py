"""The metrics of the services, with every label combination made at start.

A panel or an alert on a series that does not exist yet finds nothing, so nothing
may first appear when something happens.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_LATENCY = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_BATCH = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
REASONS = (
    *("malformed", "invalid", "too_large", "media_type", "unavailable"),
    *("no_key", "key_revoked", "rate", "overloaded", "method", "foreign_host", "internal"),
)
DEAD_LETTER_REASONS = ("malformed", "invalid", "too_large", "conflict", "rejected")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def new_registry() -> CollectorRegistry:
    """An empty registry, without the `_created` series, which no panel uses."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    return CollectorRegistry()


class GatewayMetrics:
    """What service A counts."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self.request_seconds = Histogram(
            "http_server_request_duration_seconds",
            "Time from a request's first byte to its answer.",
            ("http_request_method", "http_route", "http_response_status_code"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.accepted = Counter("events_accepted", "Events answered with 202.", registry=self.registry)
        rejected = Counter("events_rejected", "Events answered with an error.", ("reason",), registry=self.registry)
        self.rejected = {reason: rejected.labels(reason) for reason in REASONS}
        self.accepted_by_publisher = Counter(
            "events_accepted_by_publisher", "Events answered with 202, by key.", ("publisher",), registry=self.registry
        )
        published = Counter(
            "events_published", "Publications by leg and outcome.", ("leg", "outcome"), registry=self.registry
        )
        self.published = {
            (leg, outcome): published.labels(leg, outcome)
            for leg in ("sns", "kafka")
            for outcome in ("stored", "failed")
        }

    def count_accepted(self, publisher: str | None, events: int) -> None:
        """`events` were accepted from the key's name, or from nobody's."""
        self.accepted.inc(events)
        if publisher is not None:
            self.accepted_by_publisher.labels(publisher).inc(events)

    def exposition(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)


class WayMetrics:
    """What a consumer counts for one store and one way (`sqs` or `kafka`)."""

    def __init__(self, registry: CollectorRegistry, store: str, ways: tuple[str, ...]) -> None:
        stored = Counter(
            "events_stored", "Events that are in the store.", ("store", "via", "outcome"), registry=registry
        )
        self.stored = {
            (via, outcome): stored.labels(store, via, outcome) for via in ways for outcome in ("stored", "duplicate")
        }
        latency = Histogram(
            "events_store_latency_seconds",
            "Time from acceptance to the store's commit.",
            ("store", "via"),
            buckets=_LATENCY,
            registry=registry,
        )
        self.latency = {via: latency.labels(store, via) for via in ways}
        batch = Histogram(
            "store_batch_events", "Events in a batch.", ("store", "via"), buckets=_BATCH, registry=registry
        )
        self.batch_events = {via: batch.labels(store, via) for via in ways}
        seconds = Histogram(
            "store_batch_duration_seconds",
            "Time of one try to store a batch.",
            ("store", "via", "outcome"),
            buckets=SECONDS,
            registry=registry,
        )
        self.batch_seconds = {
            (via, outcome): seconds.labels(store, via, outcome) for via in ways for outcome in ("stored", "failed")
        }
        self.retries = Counter("store_retries", "Batches tried again.", ("store", "error_type"), registry=registry)
        dead = Counter("dead_letters", "Dead letters written.", ("via", "reason"), registry=registry)
        self.dead_letters = {(via, reason): dead.labels(via, reason) for via in ways for reason in DEAD_LETTER_REASONS}
