"""Service A: what comes in, what is refused, and how its legs do."""

from collections.abc import Sequence

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.panels import Panel, Query, Row, board, lines, quantile, rate

_REQUESTS = "http_server_request_duration_seconds"
_EVENTS = 'job="gateway", http_route="/events"'
_CALLS = "messaging_client_operation_duration_seconds"
_LEG = "{{messaging_system}} {{messaging_destination_name}}"


def gateway() -> Dashboard:
    """The HTTP edge, and both legs behind it."""
    return board(
        "gateway",
        "Gateway",
        "The HTTP edge, and both legs behind it.",
        Row("Requests", _requests()),
        Row("Events", _events()),
        Row("Legs", _legs()),
    )


def _requests() -> Sequence[Panel]:
    return (
        lines(
            "POST /events by status",
            "Requests a second. 202 is accepted; 4xx are the sender's to mend, 5xx are ours.",
            "reqps",
            Query(rate(f"{_REQUESTS}_count", "http_response_status_code", _EVENTS), "{{http_response_status_code}}"),
        ),
        lines(
            "Time of an answer to POST /events",
            "From a request's first byte to its answer, which waits for both legs.",
            "s",
            Query(quantile(0.5, _REQUESTS, where=_EVENTS), "median"),
            Query(quantile(0.95, _REQUESTS, where=_EVENTS), "p95"),
            Query(quantile(0.99, _REQUESTS, where=_EVENTS), "p99"),
        ),
    )


def _events() -> Sequence[Panel]:
    return (
        lines(
            "Accepted by key",
            "Events a second, by the name of the sender's key; `nobody` is who sent none.",
            "cps",
            Query(rate("events_accepted_by_publisher_total", "publisher"), "{{publisher}}"),
        ),
        lines(
            "Refused by reason",
            "Requests a second that were answered with an error.",
            "reqps",
            Query(rate("events_rejected_total", "reason"), "{{reason}}"),
        ),
        lines(
            "Waits",
            "Requests a second with `Prefer: wait`, by the end: all stored, not in time, or refused.",
            "reqps",
            Query(rate("http_requests_waited_total", "outcome"), "{{outcome}}"),
            Query(rate("receipts_total", "store, outcome"), "report of {{store}} {{outcome}}"),
        ),
        lines(
            "Journeys",
            "Clients that follow an event now, and those a second whose journey ended, by why.",
            "short",
            Query("sum(http_journeys_open)", "open"),
            Query(rate("http_journeys_total", "outcome"), "ended: {{outcome}}"),
        ),
    )


def _legs() -> Sequence[Panel]:
    return (
        lines(
            "Publications",
            "Events a second that each leg has stored, or has not.",
            "cps",
            Query(rate("events_published_total", "leg, outcome"), "{{leg}} {{outcome}}"),
        ),
        lines(
            "Pending events",
            "Events a second that were accepted while a leg was out, and those that were published to it since.",
            "cps",
            Query(rate("events_pending_total", "leg"), "{{leg}} pending"),
            Query(rate("events_healed_total", "leg"), "{{leg}} healed"),
        ),
        lines(
            "Calls to SNS and Kafka, p99",
            "Time of a send: a call of up to ten events to SNS, one event to Kafka.",
            "s",
            Query(
                quantile(0.99, _CALLS, "messaging_system, messaging_destination_name", 'job="gateway"'),
                _LEG,
            ),
        ),
        lines(
            "Calls that failed",
            "Calls a second, by the error. What a retry can help is tried again before the sender hears of it.",
            "cps",
            Query(
                rate(f"{_CALLS}_count", "messaging_system, error_type", 'job="gateway", error_type!=""'),
                "{{messaging_system}} {{error_type}}",
            ),
        ),
    )
