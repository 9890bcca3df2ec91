"""`python -m infra.cost`: what the system costs a month on AWS at three rates, written into docs/aws.md.

The prices are infra/prices.toml's, for an event of 506 bytes that is kept for thirty days. What an event takes
of each service stands in the constants below: what AWS bills, reckoned and not measured there.
"""

import math
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RATES = (10, 1_000, 10_000)
PAGE = Path(__file__).parent.parent / "docs" / "aws.md"
BEGIN, END = "<!-- python -m infra.cost -->", "<!-- end -->"

_HOURS = 730
_SECONDS = _HOURS * 3600
_GIB = 2**30
_ROW_BYTES = 2_500
"""A row of PostgreSQL with its five indexes; about the same a DynamoDB item with its entry of the index."""
_ENVELOPE_BYTES = 1_024
"""An event on Kafka with its headers, before compression, of which none is counted on."""
TASK_EVENTS_PER_S = {"gateway": 1_000, "service-b": 1_100, "service-c": 580}
"""A vCPU is half a core: half of the 60 % that docs/scale.md has busy of a process on a core of its own."""
_SNS_BATCH, _SQS_BATCH = 8, 8
"""Events a call where there is much to do; below a hundred a second each is a call of its own."""
_BROKER_EVENTS_PER_S = 10_000
"""With three copies of each event, and one consumer."""
_DATABASE_EVENTS_PER_S = 2_500
"""Rows a second that a db.m7g.large takes for long: a third of what docs/scale.md has for a core, for it grows
beyond its memory, and has vacuuming, the other zone and readers beside. A larger class costs as many times as much."""


def prices() -> dict[str, Any]:
    """The prices, by their unit and name."""
    return tomllib.loads((Path(__file__).parent / "prices.toml").read_text())


def month(rate: int, price: Mapping[str, Any]) -> dict[str, float]:
    """Dollars a month by service, at `rate` events a second on average."""
    events = rate * _SECONDS
    millions, kept_gib = events / 1e6, events * _ROW_BYTES / _GIB
    hour, million, gib = price["hour"], price["million"], price["gib"]
    sns_batch, sqs_batch = (_SNS_BATCH, _SQS_BATCH) if rate >= 100 else (1, 1)
    tasks = sum(max(2, math.ceil(rate / each)) for each in TASK_EVENTS_PER_S.values()) + 2
    databases = max(1, math.ceil(rate / _DATABASE_EVENTS_PER_S))
    brokers = 3 * max(1, math.ceil(rate / _BROKER_EVENTS_PER_S))
    kafka_gib = max(600, 3 * events * _ENVELOPE_BYTES * 14 / 30 / _GIB)
    wire_gib = events * _ENVELOPE_BYTES / _GIB
    return {
        "Fargate": _HOURS * tasks * (hour["fargate_vcpu"] + 2 * hour["fargate_gib"]),
        "MSK": _HOURS * brokers * hour["kafka_broker"] + kafka_gib * gib["kafka_storage_month"],
        "RDS and its proxy": _HOURS * databases * (hour["database"] + 2 * hour["database_proxy_vcpu"])
        + max(200, kept_gib) * gib["database_storage_month"],
        "DynamoDB": 4 * millions * million["dynamodb_write_units"] + 2 * kept_gib * gib["dynamodb_storage_month"],
        "SNS": millions / sns_batch * million["sns_publish_requests"],
        "SQS": 2 * 2 * millions / sqs_batch * million["sqs_requests"],
        "Network": _HOURS * (hour["load_balancer"] + 8 * 3 * hour["interface_endpoint"])
        + 4 * wire_gib * gib["zone_transfer"],
        "Logs, secrets, key": 0.02 * wire_gib * gib["log_ingestion"]
        + 11 * price["secrets"]["secret_month"]
        + price["secrets"]["key_month"],
    }


def table() -> str:
    """The table in Markdown, with the prices' date and region."""
    price = prices()
    months = [month(rate, price) for rate in RATES]
    lines = [
        f"Prices of {price['known']:%Y-%m-%d} in {price['region']}, US dollars a month.",
        "",
        "| | " + " | ".join(f"{rate:,}/s" for rate in RATES) + " |",
        "|---" + "|---:" * len(RATES) + "|",
    ]
    lines += [f"| {name} | " + " | ".join(f"{each[name]:,.0f}" for each in months) + " |" for name in months[0]]
    totals = [sum(each.values()) for each in months]
    lines += ["| **in all** | " + " | ".join(f"**{total:,.0f}**" for total in totals) + " |"]
    per_million = [total / (rate * _SECONDS / 1e6) for rate, total in zip(RATES, totals, strict=True)]
    lines += ["| a million events | " + " | ".join(f"{each:,.2f}" for each in per_million) + " |"]
    return "\n".join(lines)


def written(page: str) -> str:
    """The `page` with the table between its marks."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def main() -> None:
    """Write the table into the page."""
    PAGE.write_text(written(PAGE.read_text()))
    sys.stdout.write(table() + "\n")


if __name__ == "__main__":
    main()
