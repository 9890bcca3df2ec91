"""The processes: whether they run, what they take of the machine, and what they wait for."""

from collections.abc import Sequence

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.panels import Panel, Query, Row, board, lines, number, quantile, rate

_CALLS = "messaging_client_operation_duration_seconds"
_WORKERS = 'job=~"service-b|service-c"'
_PROCESS = "{{job}} {{instance}}"


def services() -> Dashboard:
    """A, B, C and web."""
    return board(
        "services",
        "Services",
        "The processes of the gateway, of services B and C, and of web.",
        Row("Processes", _processes()),
        Row("What they take", _taken()),
        Row("Calls of services B and C", _calls()),
        Row("Pages of web", _pages()),
    )


def _processes() -> Sequence[Panel]:
    return (
        number("Processes", "How many of each answer Prometheus.", "short", Query("sum by (job) (up)", "{{job}}")),
        number(
            "Running since",
            "A value that is small again and again is a service that ends and is started again.",
            "s",
            Query("time() - process_start_time_seconds", _PROCESS),
        ),
    )


def _taken() -> Sequence[Panel]:
    return (
        lines(
            "CPU",
            "1 is a whole core, which is all that one process can use: start another one before that.",
            "percentunit",
            Query(rate("process_cpu_seconds_total", "job, instance"), _PROCESS),
        ),
        lines(
            "Memory",
            "What each has in RAM, and of addresses. The first one must not rise from day to day.",
            "bytes",
            Query("process_resident_memory_bytes", f"{_PROCESS} in RAM"),
            Query("process_virtual_memory_bytes", f"{_PROCESS} of addresses"),
        ),
        lines(
            "File descriptors",
            "The share of what each may open: sockets, files. It must not rise from day to day.",
            "percentunit",
            Query("process_open_fds / process_max_fds", _PROCESS),
        ),
    )


def _calls() -> Sequence[Panel]:
    by = "messaging_operation_name, messaging_destination_name"
    legend = "{{messaging_operation_name}} {{messaging_destination_name}}"
    return (
        lines(
            "Calls",
            "Calls a second to SQS and Kafka, by operation and queue or topic.",
            "cps",
            Query(rate(f"{_CALLS}_count", by, _WORKERS), legend),
        ),
        lines(
            "Time of a call, p99",
            "A receive waits up to some seconds for a message: while nothing comes, it is that long.",
            "s",
            Query(quantile(0.99, _CALLS, by, _WORKERS), legend),
        ),
        lines(
            "Calls that failed",
            "Calls a second, by the error.",
            "cps",
            Query(rate(f"{_CALLS}_count", "job, error_type", f'{_WORKERS}, error_type!=""'), "{{job}} {{error_type}}"),
        ),
    )


def _pages() -> Sequence[Panel]:
    requests = "http_server_request_duration_seconds"
    return (
        lines(
            "Requests by status",
            "Requests a second to web. 5xx: the gateway or the query did not answer it.",
            "reqps",
            Query(rate(f"{requests}_count", "http_response_status_code", 'job="web"'), "{{http_response_status_code}}"),
        ),
        lines(
            "Refused before a page",
            "Requests a second that web's server refused before they were whole, by the bound that they broke.",
            "reqps",
            Query(rate("http_requests_refused_total", "reason"), "{{reason}}"),
        ),
        lines(
            "Time of an answer, p95",
            "By the route of the page.",
            "s",
            Query(quantile(0.95, requests, "http_route", 'job="web", http_route!=""'), "{{http_route}}"),
        ),
    )
