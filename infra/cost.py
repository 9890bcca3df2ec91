"""`python -m infra.cost`: what the system costs a month on AWS, and how large its disks are to be; into docs/aws.md.

The prices are infra/prices.toml's, for an event of 506 bytes that is kept for thirty days. What an event takes
of each service stands in the constants below: what AWS bills, reckoned and not measured there.
"""

import math
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RATES = (0, 10, 1_000, 10_000)
PAGE = Path(__file__).parent.parent / "docs" / "aws.md"
BEGIN, END = "<!-- python -m infra.cost -->", "<!-- end -->"

_HOURS = 730
_SECONDS = _HOURS * 3600
_DAY_S = 24 * 3600
_GIB = 2**30
_ROW_BYTES = 2_500
"""A row of PostgreSQL with its five indexes; about the same a DynamoDB item with its entry of the index."""
_ENVELOPE_BYTES = 1_024
"""An event on Kafka with its headers, before compression, of which none is counted on."""
ITEM_UNITS, ENTRY_UNITS = 2, 1
"""Write units of 1 KiB: an item of the table is 1.2 KiB, its entry of the index a third of one."""
_WAYS = 2
TASK_EVENTS_PER_S = {"gateway": 1_000, "service-b": 1_400, "service-c": 1_150}
"""A vCPU is half a core: half of the 60 % that docs/scale.md has busy of a process on a core of its own."""
_SNS_BATCH, _SQS_BATCH = 8, 8
"""Events a call where there is much to do; below a hundred a second each is a call of its own."""
_BROKER_EVENTS_PER_S = 10_000
"""With three copies of each event, and one consumer."""
_DATABASE_EVENTS_PER_S = 2_500
"""Rows a second that a db.m7g.large takes for long: a third of what docs/scale.md has for a core, for it grows
beyond its memory, and has vacuuming, the other zone and readers beside. A larger class costs as many times as much."""
_LEAST_GIB = 200
_MOST_BROKER_GIB = 16_384
_KAFKA_DAYS, _KAFKA_FULL = 14, 0.6
"""Retention, and how full a disk may be: from there on Application Auto Scaling adds to it."""
_STORE_DAYS, _DATABASE_FULL = 30, 0.8
"""How long events are kept, and from where on the alarm rings."""
_BACKUP_DAYS = 14
_ENDPOINTS, _ZONES, _ADDRESSES = 7, 3, 4
_THROUGH_ENDPOINTS = 3
"""How often an event passes one: to SNS, and to B and C from SQS."""
_HEAD_BYTES = 700
"""A request's and its answer's, beside the event."""
_LCU_BYTES_AN_HOUR = 10**9
_TRACED, _TRACES_PER_TASK = 0.01, 5
"""As infra/services.yaml has them."""
_ALARMS, _SECRETS = 22, 9


def prices() -> dict[str, Any]:
    """The prices, by their unit and name."""
    return tomllib.loads((Path(__file__).parent / "prices.toml").read_text())


def table_units() -> int:
    """Write units of the table that an event takes, by both ways."""
    return _WAYS * ITEM_UNITS


def disks(rate: int) -> tuple[int, int]:
    """GiB of each broker and of the database at `rate` events a second: BrokerGiB and DatabaseGiB."""
    a_day = rate * _DAY_S / _GIB
    kafka = _kafka_gib(rate) / _clusters(rate)
    database = a_day * _ROW_BYTES * _STORE_DAYS / _DATABASE_FULL / _databases(rate)
    return max(_LEAST_GIB, math.ceil(kafka)), max(_LEAST_GIB, math.ceil(database))


def month(rate: int, price: Mapping[str, Any]) -> dict[str, float]:
    """Dollars a month by service, at `rate` events a second on average."""
    events = rate * _SECONDS
    millions = events / 1e6
    hour, million, gib = price["hour"], price["million"], price["gib"]
    sns_batch, sqs_batch = (_SNS_BATCH, _SQS_BATCH) if rate >= 100 else (1, 1)
    gateways, tasks = _tasks(rate)
    return {
        "Fargate": _HOURS * (tasks * (hour["fargate_vcpu"] + 2 * hour["fargate_gib"]) + 0.25 * hour["fargate_vcpu"]),
        "MSK": 3 * _clusters(rate) * (_HOURS * hour["kafka_broker"] + disks(rate)[0] * gib["kafka_storage_month"]),
        "RDS and its proxy": _database(rate, price),
        "DynamoDB": _dynamodb(millions, price),
        "SNS": millions / sns_batch * million["sns_publish_requests"],
        "SQS": 2 * _WAYS * millions / sqs_batch * million["sqs_requests"],
        "Load balancer, addresses": _HOURS * (hour["load_balancer"] + _ADDRESSES * hour["public_address"])
        + events * (506 + _HEAD_BYTES) / _LCU_BYTES_AN_HOUR * hour["load_balancer_unit"],
        "Endpoints": _HOURS * _ENDPOINTS * _ZONES * hour["interface_endpoint"]
        + _THROUGH_ENDPOINTS * events * _ENVELOPE_BYTES / _GIB * gib["endpoint_transfer"],
        "Transfer between zones": 4 * events * _ENVELOPE_BYTES / _GIB * gib["zone_transfer"],
        "X-Ray": min(_TRACED * events, gateways * _TRACES_PER_TASK * _SECONDS) / 1e6 * million["traces"],
        "Logs, alarms, secrets, key": 0.02 * events * _ENVELOPE_BYTES / _GIB * gib["log_ingestion"]
        + _ALARMS * price["each"]["alarm_month"]
        + _SECRETS * price["each"]["secret_month"]
        + price["each"]["key_month"],
    }


def _tasks(rate: int) -> tuple[int, int]:
    """Tasks of the gateway, and of gateway, B and C; web's is a quarter of one."""
    each = {name: max(2, math.ceil(rate / capacity)) for name, capacity in TASK_EVENTS_PER_S.items()}
    return each["gateway"], sum(each.values())


def _clusters(rate: int) -> int:
    """How many times three brokers Kafka has: each of three holds everything, on a disk of 16 TiB at most."""
    return max(1, math.ceil(rate / _BROKER_EVENTS_PER_S), math.ceil(_kafka_gib(rate) / _MOST_BROKER_GIB))


def _kafka_gib(rate: int) -> float:
    """One copy of all that the topic keeps, with the room above it."""
    return rate * _DAY_S * _ENVELOPE_BYTES * _KAFKA_DAYS / _KAFKA_FULL / _GIB


def _databases(rate: int) -> int:
    return max(1, math.ceil(rate / _DATABASE_EVENTS_PER_S))


def _database(rate: int, price: Mapping[str, dict[str, float]]) -> float:
    """RDS bills its proxy by the database's two vCPUs, and copies beyond the size of its disk."""
    hour, gib = price["hour"], price["gib"]
    size = disks(rate)[1]
    kept = rate * _DAY_S * _STORE_DAYS * _ROW_BYTES / _GIB / _databases(rate)
    copies = max(0.0, kept * (1 + _BACKUP_DAYS / _STORE_DAYS) - size)
    one = _HOURS * (hour["database"] + 2 * hour["database_proxy_vcpu"]) + size * gib["database_storage_month"]
    return _databases(rate) * (one + copies * gib["database_copies_month"])


def _dynamodb(millions: float, price: Mapping[str, dict[str, float]]) -> float:
    """Writes of the table and the index, what they keep, and the table's recovery copy."""
    gib = price["gib"]
    kept_gib = _WAYS * millions * 1e6 * _ROW_BYTES / _GIB
    writes = _WAYS * (ITEM_UNITS + ENTRY_UNITS) * millions * price["million"]["dynamodb_write_units"]
    return writes + kept_gib * (gib["dynamodb_storage_month"] + gib["dynamodb_recovery_month"])


def table() -> str:
    """The tables in Markdown, with the prices' date and region."""
    price = prices()
    months = [month(rate, price) for rate in RATES]
    lines = [
        f"Prices of {price['known']:%Y-%m-%d} in {price['region']}, US dollars a month.",
        "",
        "| | idle | " + " | ".join(f"{rate:,}/s" for rate in RATES[1:]) + " |",
        "|---" + "|---:" * len(RATES) + "|",
    ]
    lines += [f"| {name} | " + " | ".join(f"{each[name]:,.0f}" for each in months) + " |" for name in months[0]]
    totals = [sum(each.values()) for each in months]
    lines += ["| **in all** | " + " | ".join(f"**{total:,.0f}**" for total in totals) + " |"]
    per_million = [f"{total / (rate * _SECONDS / 1e6):,.2f}" for rate, total in zip(RATES, totals, strict=True) if rate]
    lines += ["| a million events | | " + " | ".join(per_million) + " |"]
    lines += ["", "| disks, GiB | " + " | ".join(f"{rate:,}/s" for rate in RATES[1:]) + " |"]
    lines += ["|---" + "|---:" * (len(RATES) - 1) + "|"]
    for number, name in enumerate(("`BrokerGiB`", "`DatabaseGiB`")):
        lines.append(f"| {name} | " + " | ".join(f"{disks(rate)[number]:,}" for rate in RATES[1:]) + " |")
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
