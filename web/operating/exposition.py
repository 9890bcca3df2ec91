"""Parser of the services' /metrics (Prometheus' text format), as far as the charts need it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from pipeline.core.errors import MensageriaError

Series = tuple[str, ...]
"""A time series: what it is, and the labels that tell it from others of its kind."""

ACCEPTED: Series = ("accepted",)
_ACCEPTED = "events_accepted_total"
_STORED = "events_stored_total"
_LATENCY = "events_store_latency_seconds_bucket"
_ANSWER = "http_server_request_duration_seconds_bucket"
_AGE = "sqs_oldest_message_age_seconds"
_WANTED = (_ACCEPTED, _STORED, _LATENCY, _ANSWER, _AGE)


class NoExposition(MensageriaError):
    """A text is none of a service's /metrics."""


def stored(store: str, via: str) -> Series:
    """Events that came into `store` by the way `via`."""
    return ("stored", store, via)


def latency(store: str, via: str) -> Series:
    """The beginning of each bucket's series: from the gateway's acceptance to the commit; `le`, in seconds, follows."""
    return ("latency", store, via)


ANSWER: Series = ("answer",)
"""The beginning of each bucket's series: the gateway's time for `POST /events`; `le`, in seconds, follows."""


@dataclass(frozen=True)
class Numbers:
    """Counters by series, and the age in seconds of the oldest message of each queue, by the queue's name."""

    counters: dict[Series, float] = field(default_factory=dict)
    oldest_ages_s: dict[str, float] = field(default_factory=dict)


def numbers(text: str) -> Numbers:
    """What one service's exposition says. Raises NoExposition."""
    found = Numbers()
    for name, labels, value in _samples(text):
        if name == _AGE:
            found.oldest_ages_s[labels["queue"]] = value
        elif series := _series(name, labels):
            found.counters[series] = found.counters.get(series, 0.0) + value
    return found


def _samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """The wanted ones: the parser is slow, and most lines are of no use here."""
    if "# TYPE " not in text:
        raise NoExposition("no line names a type")
    wanted = [line for line in text.splitlines() if line.startswith(_WANTED)]
    try:
        for family in text_string_to_metric_families("\n".join(wanted)):
            for sample in family.samples:
                yield sample.name, sample.labels, sample.value
    except (ValueError, LookupError) as error:
        raise NoExposition(str(error)) from error


def _series(name: str, labels: dict[str, str]) -> Series | None:
    if name == _ACCEPTED:
        return ACCEPTED
    if name == _STORED and labels.get("outcome") == "stored":
        return stored(labels["store"], labels["via"])
    if name == _LATENCY:
        return (*latency(labels["store"], labels["via"]), labels["le"])
    if name == _ANSWER and labels.get("http_route") == "/events":
        return (*ANSWER, labels["le"])
    return None
