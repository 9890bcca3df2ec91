"""The metrics of one process: what is counted, and how it is told."""

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from pipeline.telemetry.call_metrics import CallMetrics
from pipeline.telemetry.counter import Counter
from pipeline.telemetry.histogram import SECONDS, Histogram
from pipeline.telemetry.metrics import GatewayMetrics, WayMetrics, exposition, new_registry

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
TRACE = "0af7651916cd43dd8448eb211c80319c"


@given(st.lists(st.floats(0, 3000) | st.sampled_from(SECONDS)))
def test_a_histogram_is_told_as_the_library_tells_its_own(values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    series = Histogram(ours, "wait_seconds", "Wait.", ("store",), SECONDS).labels("postgres")
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
    reference = prometheus_client.Histogram("wait_seconds", "Wait.", ("store",), registry=theirs, buckets=SECONDS)
    for value in values:
        series.observe(value)
        reference.labels("postgres").observe(value)
    reference.labels("postgres")
    assert generate_latest(ours) == generate_latest(theirs)


@given(st.lists(st.tuples(st.sampled_from(("sns", "kafka", 'a "quoted"\n')), st.integers(0, 2**40))))
def test_a_counter_is_told_as_the_library_tells_its_own(counted: list[tuple[str, int]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    counter, bare = Counter(ours, "sent", "Sent.", ("leg",)), Counter(ours, "all", "All.").labels()
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
    reference = prometheus_client.Counter("sent", "Sent.", ("leg",), registry=theirs)
    bare_reference = prometheus_client.Counter("all", "All.", registry=theirs)
    for leg, times in counted:
        counter.labels(leg).inc(times)
        bare.inc()
        reference.labels(leg).inc(times)
        bare_reference.inc()
    for accept in (None, OPENMETRICS):
        assert exposition(ours, accept) == exposition(theirs, accept)


def test_a_bucket_leads_to_a_trace_where_the_scraper_can_read_it() -> None:
    registry = CollectorRegistry()
    series = Histogram(registry, "wait_seconds", "Wait.", ("store",), SECONDS).labels("postgres")
    series.observe(0.3)
    series.show(0.3, f"00-{TRACE}-b7ad6b7169203331-01")
    told, content_type = exposition(registry, OPENMETRICS)
    line = next(line for line in told.decode().splitlines() if 'le="0.5"' in line)
    assert f'# {{trace_id="{TRACE}"}} 0.3' in line
    assert content_type.startswith("application/openmetrics-text")
    plain, plain_type = exposition(registry, None)
    assert TRACE not in plain.decode()
    assert plain_type.startswith("text/plain")


def test_every_series_of_a_consumer_is_there_at_the_start() -> None:
    registry = new_registry()
    WayMetrics(registry, "dynamodb", ("sqs", "kafka"))
    CallMetrics(registry).queue("http://127.0.0.1/000000000000/events-c")
    told = generate_latest(registry).decode()
    for series in (
        'events_stored_total{outcome="duplicate",store="dynamodb",via="kafka"} 0.0',
        'events_store_latency_seconds_bucket{le="5.0",store="dynamodb",via="sqs"} 0.0',
        'store_batch_duration_seconds_count{outcome="failed",store="dynamodb",via="kafka"} 0.0',
        'store_retries_total{error_type="StoreUnavailable",store="dynamodb"} 0.0',
        'dead_letters_total{reason="conflict",via="kafka"} 0.0',
        'messaging_client_operation_duration_seconds_count{error_type="CallFailed",'
        'messaging_destination_name="events-c",messaging_operation_name="delete",messaging_system="aws_sqs"} 0.0',
        "process_open_fds",
    ):
        assert series in told


def test_a_retry_for_an_unknown_reason_makes_no_new_series() -> None:
    registry = CollectorRegistry()
    metrics = WayMetrics(registry, "postgres", ("sqs",))
    before = len(generate_latest(registry).splitlines())
    metrics.count_retry(ZeroDivisionError())
    metrics.count_retry(TimeoutError())
    told = generate_latest(registry).decode()
    assert 'store_retries_total{error_type="_OTHER",store="postgres"} 1.0' in told
    assert 'store_retries_total{error_type="TimeoutError",store="postgres"} 1.0' in told
    assert len(told.splitlines()) == before


def test_a_call_is_recorded_with_its_error() -> None:
    registry = CollectorRegistry()
    calls = CallMetrics(registry).sns("arn:aws:sns:us-east-1:000000000000:events")
    with pytest.raises(ZeroDivisionError), calls.timed("send"):
        raise ZeroDivisionError
    with calls.timed("send"):
        pass
    labels = {
        "messaging_system": "aws.sns",
        "messaging_operation_name": "send",
        "messaging_destination_name": "events",
    }
    name = "messaging_client_operation_duration_seconds_count"
    assert registry.get_sample_value(name, labels | {"error_type": "_OTHER"}) == 1
    assert registry.get_sample_value(name, labels | {"error_type": ""}) == 1
    assert registry.get_sample_value(name, labels | {"error_type": "LegUnavailable"}) == 0


def test_accepted_events_are_counted_by_key_and_without_one() -> None:
    metrics = GatewayMetrics()
    metrics.count_accepted(None, 2)
    metrics.count_accepted("shop", 3)
    value = metrics.registry.get_sample_value
    assert value("events_accepted_total") == 5
    assert value("events_accepted_by_publisher_total", {"publisher": "nobody"}) == 2
    assert value("events_accepted_by_publisher_total", {"publisher": "shop"}) == 3
