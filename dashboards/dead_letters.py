"""Dashboard of dead letters."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.panels import Query, Row, board, lines, number, rate

_WRITTEN = "dead_letters_total"


def dead_letters() -> Dashboard:
    """How many lie there, and how many come."""
    return board(
        "dead-letters",
        "Dead letters",
        "What could never be stored. `mensageria dead-letters list` shows the letters.",
        Row(
            "There now",
            (
                number(
                    "In the dead-letter queues",
                    "They stay for 14 days, or until somebody sends them again or discards them.",
                    "short",
                    Query(
                        'sum by (queue) (max by (queue, state) (sqs_messages{queue=~".+-dead-letters"}))', "{{queue}}"
                    ),
                    bad_from=1,
                ),
                number(
                    "Written in this time",
                    "By services B and C, in the time that is shown, by the way that the event came. Those that a"
                    " service wrote between its start and its first scrape may be missing here: the list has them.",
                    "short",
                    Query(f"sum by (via) (increase({_WRITTEN}[$__range]))", "by {{via}}"),
                    bad_from=1,
                ),
            ),
        ),
        Row(
            "Over time",
            (
                lines(
                    "Written by reason",
                    "Letters a second. docs/operations.md says of each reason what to do.",
                    "cps",
                    Query(rate(_WRITTEN, "via, reason"), "{{via}} {{reason}}"),
                ),
                lines(
                    "In the dead-letter queues",
                    "`in_flight` is in the hands of somebody who lists or treats them.",
                    "short",
                    Query('max by (queue, state) (sqs_messages{queue=~".+-dead-letters"})', "{{queue}} {{state}}"),
                ),
            ),
        ),
    )
