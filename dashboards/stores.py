"""PostgreSQL and DynamoDB, as services B and C see them."""

from collections.abc import Sequence

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.panels import Panel, Query, Row, board, lines, mean, quantile, rate

_WAY = "{{store}} by {{via}}"


def stores() -> Dashboard:
    """What is stored, how fast, and what has to be tried again."""
    return board(
        "stores",
        "Stores",
        "PostgreSQL and DynamoDB as services B and C see them.",
        Row("Events", _events()),
        Row("Batches", _batches()),
        Row("Failures", _failures()),
    )


def _events() -> Sequence[Panel]:
    return (
        lines(
            "Events stored",
            "Events a second that are new, and those that were there already: PostgreSQL's alone. DynamoDB can't"
            " tell, and counts a repeat as stored. After a kill some come twice.",
            "cps",
            Query(rate("events_stored_total", "store, via, outcome"), f"{_WAY} {{{{outcome}}}}"),
        ),
        lines(
            "From acceptance to the commit, p99",
            "With the time in the queue or topic. The points lead to traces of sampled events.",
            "s",
            Query(quantile(0.99, "events_store_latency_seconds", "store, via"), _WAY, exemplar=True),
        ),
    )


def _batches() -> Sequence[Panel]:
    return (
        lines(
            "Events in a batch, mean",
            "The more is waiting, the larger the batches and the less each event costs.",
            "short",
            Query(mean("store_batch_events", "store, via"), _WAY),
        ),
        lines(
            "Time to store a batch, p99",
            "Of those that were stored, one try each.",
            "s",
            Query(quantile(0.99, "store_batch_duration_seconds", "store, via", 'outcome="stored"'), _WAY),
        ),
    )


def _failures() -> Sequence[Panel]:
    return (
        lines(
            "Tries that failed",
            "Batches a second that the store did not take. They are tried again for as long as it takes.",
            "cps",
            Query(rate("store_batch_duration_seconds_count", "store, via", 'outcome="failed"'), _WAY),
        ),
        lines(
            "Retries by error",
            "Why they are tried again.",
            "cps",
            Query(rate("store_retries_total", "store, error_type"), "{{store}} {{error_type}}"),
        ),
    )
