"""What counters say over time, and where the lines of a chart run."""

import math

import pytest

from web.operating.chart import HEIGHT, WIDTH, Chart, Line, round_up
from web.operating.exposition import ACCEPTED, ANSWER, NoExposition, Series, latency, numbers, stored
from web.operating.samples import Samples, quantile

B = stored("postgres", "sqs")
TEXT = """\
# TYPE events_accepted_total counter
events_accepted_total 12.0
# TYPE events_stored_total counter
events_stored_total{store="postgres",via="sqs",outcome="stored"} 10.0
events_stored_total{store="postgres",via="sqs",outcome="duplicate"} 3.0
# TYPE events_store_latency_seconds histogram
events_store_latency_seconds_bucket{store="postgres",via="sqs",le="0.1"} 4.0
events_store_latency_seconds_bucket{store="postgres",via="sqs",le="+Inf"} 10.0
# TYPE http_server_request_duration_seconds histogram
http_server_request_duration_seconds_bucket{http_route="/events",http_response_status_code="202",le="0.1"} 5.0
http_server_request_duration_seconds_bucket{http_route="/events",http_response_status_code="503",le="0.1"} 2.0
http_server_request_duration_seconds_bucket{http_route="/readyz",http_response_status_code="200",le="0.1"} 9.0
# TYPE sqs_oldest_message_age_seconds gauge
sqs_oldest_message_age_seconds{queue="events-b"} 2.5
"""


def test_an_exposition_is_read_for_what_the_charts_need() -> None:
    found = numbers(TEXT)
    assert found.counters == {
        ACCEPTED: 12.0,
        B: 10.0,
        (*latency("postgres", "sqs"), "0.1"): 4.0,
        (*latency("postgres", "sqs"), "+Inf"): 10.0,
        (*ANSWER, "0.1"): 7.0,
    }
    assert found.oldest_ages_s == {"events-b": 2.5}


@pytest.mark.parametrize(
    "text", ["<html>", "", "# TYPE a counter\nevents_accepted_total b c", '# TYPE a counter\nevents_stored_total{b="']
)
def test_what_is_no_exposition_is_refused(text: str) -> None:
    with pytest.raises(NoExposition):
        numbers(text)


def sampled(series: Series, *raw: float | None, every_s: float = 10) -> Samples:
    samples = Samples(span_s=1000)
    for index, value in enumerate(raw):
        samples.add(index * every_s, {} if value is None else {series: value})
    return samples


def values(points: list[tuple[float, float | None]]) -> list[float | None]:
    return [value for _, value in points]


def test_a_rate_is_of_the_window_before_it() -> None:
    assert values(sampled(B, 100, 120, 120, 150).rates(B, window_s=10)) == [None, 2.0, 0.0, 3.0]
    assert values(sampled(B, 100, 120, 120, 150).rates(B, window_s=20)) == [None, 2.0, 1.0, 1.5]


def test_a_service_that_was_started_again_has_counted_from_zero() -> None:
    assert values(sampled(B, 100, 120, 30).rates(B, window_s=10)) == [None, 2.0, 3.0]


def test_while_a_service_is_away_there_is_no_rate_and_after_it_one_over_the_gap() -> None:
    assert values(sampled(B, 0, None, None, 60).rates(B, window_s=10)) == [None, None, None, 2.0]


def test_what_is_older_than_the_span_is_let_go() -> None:
    samples = Samples(span_s=20)
    for at in range(0, 100, 10):
        samples.add(at, {B: at})
    assert [at for at, _ in samples.rates(B, 10)] == [70, 80, 90]


@pytest.mark.parametrize(
    ("buckets", "share", "expected"),
    [
        ([], 0.5, None),
        ([(1.0, 0.0), (math.inf, 0.0)], 0.5, None),
        ([(1.0, 10.0), (2.0, 10.0), (math.inf, 10.0)], 0.5, 0.5),
        ([(1.0, 5.0), (2.0, 10.0), (math.inf, 10.0)], 0.75, 1.5),
        ([(1.0, 0.0), (2.0, 4.0), (math.inf, 4.0)], 0.5, 1.5),
        ([(1.0, 1.0), (math.inf, 100.0)], 0.99, 1.0),
    ],
)
def test_a_quantile_is_reckoned_as_prometheus_does(
    buckets: list[tuple[float, float]], share: float, expected: float | None
) -> None:
    assert quantile(buckets, share) == expected


def test_a_quantile_over_time_forgets_what_was_before_its_window() -> None:
    beginning = latency("postgres", "sqs")
    samples = Samples(span_s=1000)
    for at, fast, every in ((0, 0, 0), (10, 10, 10), (20, 10, 20)):
        samples.add(at, {(*beginning, "1.0"): fast, (*beginning, "2.0"): every, (*beginning, "+Inf"): every})
    assert values(samples.quantiles(beginning, 0.5, window_s=10)) == [None, 0.5, 1.5]
    assert values(samples.quantiles(latency("dynamodb", "sqs"), 0.5, window_s=10)) == [None, None, None]


def test_a_line_is_broken_where_a_value_is_missing() -> None:
    line = Line("b", [(0, 1.0), (5, None), (10, 2.0)])
    chart = Chart("throughput", (line,), end=10, span_s=10, least=1)
    assert chart.top == 2.0
    assert chart.path(line) == f"M0.0 {HEIGHT / 2:.1f}M{WIDTH:.1f} 0.0"
    assert (line.now, line.most, line.ago(10), line.ago(11)) == (2.0, 2.0, 1.0, None)


def test_a_chart_of_nothing_is_a_chart() -> None:
    empty = Line("b", [])
    chart = Chart("throughput", (empty,), end=0, span_s=10, least=1)
    assert (chart.path(empty), empty.now, empty.most, empty.ago(60)) == ("", None, None, None)
    assert chart.top == 1


@pytest.mark.parametrize(("value", "top"), [(0.012, 0.02), (0.3, 0.5), (1, 1), (1.1, 2), (99, 100), (501, 1000)])
def test_the_upper_edge_is_a_round_number(value: float, top: float) -> None:
    assert round_up(value) == pytest.approx(top)
