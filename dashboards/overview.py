"""Overview dashboard: loss, throughput and backlog."""

from collections.abc import Sequence

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.panels import Panel, Query, Row, board, lines, number, quantile, rate

_WAY = "{{store}} by {{via}}"


def overview() -> Dashboard:
    """The first one to look at."""
    return board(
        "overview",
        "Overview",
        "The objective, the flow of events, and where they wait.",
        Row("Objective: 99.9 % of the accepted events are in every store, by every way, within 5 s", _objective()),
        Row("Flow", _flow()),
        Row("Where it waits", _waiting()),
    )


def _objective() -> Sequence[Panel]:
    return (
        number(
            "Late in the last hour",
            "The share of the accepted events that a way did not store within 5 s. The objective allows 0.1 %.",
            "percentunit",
            Query("events_late:ratio1h", _WAY),
            bad_from=0.001,
        ),
        number(
            "Allowance used in 3 days",
            "At 100 % the objective is missed if it goes on like the last three days.",
            "percentunit",
            Query("events_late:ratio3d / 0.001", _WAY),
            bad_from=1,
        ),
        number(
            "Alerts",
            "How many alerts fire now: Prometheus' page Alerts says which, docs/runbooks what to do.",
            "short",
            Query('count(ALERTS{alertstate="firing"}) or vector(0)', "firing"),
            bad_from=1,
        ),
        lines(
            "How fast the allowance is used",
            "1 uses up the month's in a month. Somebody is woken at 14.4 (1 hour) and at 6 (6 hours).",
            "short",
            Query("max(events_late:ratio5m) / 0.001", "5 minutes"),
            Query("max(events_late:ratio1h) / 0.001", "1 hour"),
            Query("max(events_late:ratio6h) / 0.001", "6 hours"),
        ),
    )


def _flow() -> Sequence[Panel]:
    return (
        lines(
            "Accepted and stored",
            "Events a second: answered with 202, and stored by each way. The lines lie on one another, but where"
            " senders repeat events: PostgreSQL's has no repeats, DynamoDB's has them, as it can't tell what it had.",
            "cps",
            Query(rate("events_accepted_total"), "accepted"),
            Query(rate("events_stored_total", "store, via", 'outcome="stored"'), _WAY),
        ),
        lines(
            "From acceptance to the store, p99",
            "Of 100 events 99 were stored faster than this. The points lead to traces of sampled events.",
            "s",
            Query(quantile(0.99, "events_store_latency_seconds", "store, via"), _WAY, exemplar=True),
        ),
        lines(
            "From acceptance to the store, median",
            "Half of the events were stored faster than this.",
            "s",
            Query(quantile(0.5, "events_store_latency_seconds", "store, via"), _WAY),
        ),
    )


def _waiting() -> Sequence[Panel]:
    return (
        lines(
            "Messages in the queues",
            "Waiting to be received, and in flight at a consumer. A line that rises is a consumer that is too slow.",
            "short",
            Query('max by (queue, state) (sqs_messages{queue!~".+-dead-letters"})', "{{queue}} {{state}}"),
        ),
        lines(
            "Lag on the topic",
            "Events that service C has not committed; up to one second's worth is always there.",
            "short",
            Query("max by (topic, partition) (kafka_consumer_lag_events)", "{{topic}} {{partition}}"),
        ),
        lines(
            "Oldest message",
            "Since when the oldest message that a consumer has at hand is in its queue. Over a minute is an alert.",
            "s",
            Query("max by (queue) (sqs_oldest_message_age_seconds)", "{{queue}}"),
        ),
    )
