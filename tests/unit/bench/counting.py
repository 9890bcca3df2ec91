"""A program whose metrics count one event: what test_bench_watched runs."""

import sys

from pipeline.telemetry.metrics import GatewayMetrics

if __name__ == "__main__":
    metrics = GatewayMetrics()
    metrics.count_accepted(None, 1)
    counted = metrics.registry.get_sample_value("events_accepted_total")
    sys.stdout.write("\n".join([*sys.argv[1:], str(counted)]))
