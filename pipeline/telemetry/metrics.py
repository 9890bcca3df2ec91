"""The metrics of the services, with every label combination made at start.

A panel or an alert on a series that does not exist yet finds nothing, so nothing
may first appear when something happens.
"""

from itertools import product

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from pipeline.telemetry.call_metrics import CallMetrics
from pipeline.telemetry.counter import Counter
from pipeline.telemetry.histogram import SECONDS, Histogram

_LATENCY = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_BATCH = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
REASONS = (
    *("malformed", "invalid", "too_large", "media_type", "unavailable"),
    *("no_key", "key_revoked", "rate", "overloaded", "method", "foreign_host", "foreign_site", "internal"),
    *("timeout", "head_too_large"),
)
DEAD_LETTER_REASONS = ("malformed", "invalid", "too_large", "conflict", "rejected", "undecodable")
STORE_ERRORS = ("StoreUnavailable", "UnprocessedItems", "QueueUnavailable", "TimeoutError", "_OTHER")
"""Why a batch, or a part of it, is tried again: the store took nothing, or not all of a call; its dead letters'
queue; its deadline; or what nobody thought of."""
_NOBODY = "nobody"
"""The publisher of what came without a key."""


def new_registry() -> CollectorRegistry:
    """A registry with the process' own metrics, without the `_created` series, which no panel uses."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def exposition(registry: CollectorRegistry, accept: str | None) -> tuple[bytes, str]:
    """All of `registry` and its content type, as the Accept header asks: exemplars are in OpenMetrics alone."""
    encode, content_type = choose_encoder(accept or "")
    return encode(registry), content_type


def request_seconds(registry: CollectorRegistry) -> Histogram:
    """The metric of HTTP requests, of whatever serves them."""
    return Histogram(
        registry,
        "http_server_request_duration_seconds",
        "Time from a request's first byte to its answer.",
        ("http_request_method", "http_route", "http_response_status_code"),
        SECONDS,
    )


class GatewayMetrics:
    """What service A counts."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self.request_seconds = request_seconds(self.registry)
        self.calls = CallMetrics(self.registry)
        self.accepted = Counter(self.registry, "events_accepted", "Events answered with 201 or 202.").labels()
        rejected = Counter(self.registry, "events_rejected", "Requests answered with an error.", ("reason",))
        self.rejected = {reason: rejected.labels(reason) for reason in REASONS}
        self._by_publisher = Counter(
            self.registry, "events_accepted_by_publisher", "Events answered with 201 or 202, by key.", ("publisher",)
        )
        self._by_publisher.labels(_NOBODY)
        published = Counter(self.registry, "events_published", "Publications by leg and outcome.", ("leg", "outcome"))
        self.published = {
            (leg, outcome): published.labels(leg, outcome)
            for leg in ("sns", "kafka")
            for outcome in ("stored", "failed")
        }
        pending = Counter(self.registry, "events_pending", "Events accepted while this leg was out.", ("leg",))
        self.pending = {leg: pending.labels(leg) for leg in ("sns", "kafka")}
        waits = Counter(
            self.registry, "http_requests_waited", "Requests with Prefer: wait, by their end.", ("outcome",)
        )
        self.waits = {outcome: waits.labels(outcome) for outcome in ("stored", "not_stored", "refused")}

        journeys = Counter(
            self.registry, "http_journeys", "Journeys that were followed, by why they ended.", ("outcome",)
        )
        outcomes = ("complete", "dead_letter", "gone", "key_revoked", "stopping")
        self.journeys = {outcome: journeys.labels(outcome) for outcome in outcomes}
        self.open_journeys = Gauge("http_journeys_open", "Journeys that are followed now.", registry=self.registry)

    def count_rejected(self, reason: str, events: int = 1) -> None:
        """A request of so many events was answered with an error for `reason`, which is one of REASONS."""
        self.rejected[reason].inc(events)

    def count_accepted(self, publisher: str | None, events: int) -> None:
        """`events` were accepted from the key's name, or from nobody's."""
        self.accepted.inc(events)
        self._by_publisher.labels(publisher or _NOBODY).inc(events)


class WayMetrics:
    """What a consumer counts for one store and one way (`sqs` or `kafka`)."""

    def __init__(self, registry: CollectorRegistry, store: str, ways: tuple[str, ...]) -> None:
        stored = Counter(registry, "events_stored", "Events that are in the store.", ("store", "via", "outcome"))
        self.stored = {
            (via, outcome): stored.labels(store, via, outcome) for via in ways for outcome in ("stored", "duplicate")
        }
        latency = Histogram(
            registry,
            "events_store_latency_seconds",
            "Time from acceptance to the store's commit.",
            ("store", "via"),
            _LATENCY,
        )
        self.latency = {via: latency.labels(store, via) for via in ways}
        batch = Histogram(registry, "store_batch_events", "Events in a batch.", ("store", "via"), _BATCH)
        self.batch_events = {via: batch.labels(store, via) for via in ways}
        seconds = Histogram(
            registry,
            "store_batch_duration_seconds",
            "Time of one call to store a batch, or a part of it.",
            ("store", "via", "outcome"),
            SECONDS,
        )
        self.batch_seconds = {
            (via, outcome): seconds.labels(store, via, outcome) for via in ways for outcome in ("stored", "failed")
        }
        retries = Counter(registry, "store_retries", "Batches, or parts of them, tried again.", ("store", "error_type"))
        self._retries = {error: retries.labels(store, error) for error in STORE_ERRORS}
        self.dead_letters = Counter(registry, "dead_letters", "Dead letters written.", ("via", "reason"))
        for via, reason in product(ways, DEAD_LETTER_REASONS):
            self.dead_letters.labels(via, reason)

    def count_retry(self, error: BaseException) -> None:
        """A batch is tried again because of `error`."""
        name = type(error).__name__
        self._retries[name if name in self._retries else "_OTHER"].inc()
