"""A request's one line: the log, and its metrics in CloudWatch's embedded metric format (EMF).

CloudWatch makes the metrics from the line, so they cost no call. Source: the specification
of the embedded metric format, version 1.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

from pipeline.core import clock, trace_context

_DURATION = "http_server_request_duration_seconds"
_UNAVAILABLE = "query_stores_unavailable"
_METRICS = {
    "Namespace": "Mensageria",
    "Dimensions": [["http_route"], ["http_request_method", "http_route", "http_response_status_code"]],
    "Metrics": [{"Name": _DURATION, "Unit": "Seconds"}, {"Name": _UNAVAILABLE, "Unit": "Count"}],
}


def write(
    request: Mapping[str, Any], status: int, duration_s: float, unavailable: Mapping[str, str], **members: Any
) -> None:
    """Write the line of one answer: `request` are its method, route, key and headers; `unavailable` the failed stores.

    `members` are an error's own. Neither the query string nor a key stands in it.
    """
    moment = clock.now()
    level = "error" if members else "warning" if unavailable else "info"
    line = {
        "timestamp": clock.rfc3339(moment),
        "level": level,
        "service": "query",
        "event": "request",
        "http_request_method": request["method"],
        "http_route": request["route"],
        "http_response_status_code": str(status),
        _DURATION: round(duration_s, 6),
        _UNAVAILABLE: len(unavailable),
        "unavailable": unavailable,
        "reader": request["reader"],
        "trace_id": _trace_id(request["headers"]),
        **members,
        "_aws": {"Timestamp": int(moment.timestamp() * 1000), "CloudWatchMetrics": [_METRICS]},
    }
    # One write a line: lines of a killed instance are whole or not there.
    sys.stderr.write(json.dumps(line) + "\n")
    sys.stderr.flush()


def _trace_id(headers: Mapping[str, str]) -> str | None:
    caller = trace_context.parse(headers.get("traceparent"))
    return caller.trace_id if caller else None
