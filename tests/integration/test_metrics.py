"""What A, B, C and web tell of themselves moves with what they do."""

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from pipeline.clients.aws import client
from stack.http_client import http_client
from tests.support.prometheus_server import addresses
from tests.support.waiting import until

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def samples(endpoints: dict[str, str]) -> Samples:
    """Every sample of every service, by its name and labels, `job` among them."""
    found: Samples = {}
    async with http_client() as http:
        for job, address in addresses(endpoints).items():
            answer = await http.get(f"http://{address}/metrics")
            for family in text_string_to_metric_families(answer.text):
                for sample in family.samples:
                    found[sample.name, frozenset(({**sample.labels, "job": job}).items())] = sample.value
    return found


def total(found: Samples, name: str, **labels: str) -> float:
    """The sum of the samples of that name with these labels; there must be one."""
    values = [value for (each, has), value in found.items() if each == name and has >= frozenset(labels.items())]
    assert values, f"{name} {labels} is not told"
    return sum(values)


async def publish(gateway: httpx.AsyncClient, *bodies: dict[str, Any]) -> list[int]:
    answers = await asyncio.gather(*(gateway.post("/events", json=body) for body in bodies))
    return [answer.status_code for answer in answers]


async def test_every_metric_moves_with_what_happens(aws: dict[str, str], source: str) -> None:
    before = await samples(aws)
    event = {"type": "test.metrics", "source": source, "data": 1}
    async with http_client(base_url=aws["gateway"]) as gateway, client("sqs") as sqs:
        assert await publish(gateway, *({**event, "id": str(number)} for number in range(20))) == [202] * 20
        # Once all are stored, so that the repeat and the conflict are no race.
        await _moved(aws, before, 20, "events_stored_total", store="postgres", outcome="stored")
        assert await publish(gateway, {**event, "id": "0"}, {**event, "id": "1", "data": 2}) == [202] * 2
        assert await publish(gateway, {"data": 1}) == [422]
        await sqs.send_message(QueueUrl=aws["queue_c"], MessageBody="no event")
        await _moved(aws, before, 1, "dead_letters_total", job="service-c", via="sqs", reason="malformed")
        await _moved(aws, before, 1, "dead_letters_total", job="service-b", via="sqs", reason="conflict")
        await _moved(aws, before, 1, "events_stored_total", store="postgres", outcome="duplicate")
    # Two contents of one identity are both kept there, and BatchWriteItem does not tell a repeat.
    await _moved(aws, before, 22, "events_stored_total", store="dynamodb", via="kafka", outcome="stored")
    now = await _moved(aws, before, 22, "events_stored_total", store="dynamodb", via="sqs", outcome="stored")

    def moved(name: str, **labels: str) -> float:
        return total(now, name, **labels) - total(before, name, **labels)

    assert moved("events_accepted_total") == moved("events_accepted_by_publisher_total") == 22
    assert moved("events_rejected_total", reason="invalid") == 1
    for leg in ("sns", "kafka"):
        assert moved("events_published_total", leg=leg, outcome="stored") == 22
        assert moved("events_published_total", leg=leg, outcome="failed") == 0
    assert moved("http_server_request_duration_seconds_count", http_response_status_code="202") == 22
    assert 1 <= moved(_CALLS, messaging_system="aws.sns", error_type="") <= 22
    assert moved(_CALLS, job="gateway", messaging_system="kafka", error_type="") == 22
    for queue in ("events-b", "events-c"):
        for operation in ("receive", "delete"):
            assert moved(_CALLS, messaging_destination_name=queue, messaging_operation_name=operation) >= 1
        assert moved(_CALLS, messaging_destination_name=f"{queue}-dead-letters", messaging_operation_name="send") == 1
        assert total(now, "sqs_oldest_message_age_seconds", queue=queue) < 60
    for store, via in (("postgres", "sqs"), ("dynamodb", "sqs"), ("dynamodb", "kafka")):
        _assert_way_moved(moved, store, via)
    assert total(now, "store_retries_total") == total(before, "store_retries_total")


_SERVICES = {"postgres": "service-b", "dynamodb": "service-c"}
_CALLS = "messaging_client_operation_duration_seconds_count"


def _assert_way_moved(moved: Callable[..., float], store: str, via: str) -> None:
    new = moved("events_stored_total", store=store, via=via, outcome="stored")
    assert moved("events_store_latency_seconds_count", store=store, via=via) == new
    assert moved("events_store_latency_seconds_bucket", store=store, via=via, le="1800.0") == new
    assert 0 < moved("events_store_latency_seconds_sum", store=store, via=via) < new * 60
    # A batch goes to its store in one call or more; one of dead letters alone in none.
    calls = moved("store_batch_duration_seconds_count", store=store, via=via, outcome="stored")
    letters = moved("dead_letters_total", job=_SERVICES[store], via=via)
    assert calls >= 1
    assert calls + letters >= moved("store_batch_events_count", store=store, via=via) >= 1
    assert moved("store_batch_events_sum", store=store, via=via) >= new
    assert moved("store_batch_duration_seconds_sum", store=store, via=via, outcome="stored") > 0
    assert moved("store_batch_duration_seconds_count", store=store, via=via, outcome="failed") == 0


async def test_web_tells_what_waits_whoever_is_dead(aws: dict[str, str]) -> None:
    async with client("sqs") as sqs:
        await sqs.send_message(QueueUrl=aws["dead_letter_c"], MessageBody="left here")

    async def is_told() -> bool:
        found = await samples(aws)
        dead = total(found, "sqs_messages", job="web", queue="events-c-dead-letters", state="waiting")
        return dead >= 1 and total(found, "kafka_consumer_lag_events", job="web", topic="events") == 0

    await until(is_told, within_s=20)
    found = await samples(aws)
    partitions = {dict(labels)["partition"] for name, labels in found if name == "kafka_consumer_lag_events"}
    assert partitions == {"0", "1", "2", "3"}
    queues = {dict(labels)["queue"] for name, labels in found if name == "sqs_messages"}
    assert queues == {"events-b", "events-c", "events-pending", "events-b-dead-letters", "events-c-dead-letters"}


async def test_a_sampled_event_leads_from_its_latency_to_its_trace(aws: dict[str, str], source: str) -> None:
    trace_id = uuid.uuid4().hex
    traceparent = {"DataType": "String", "StringValue": f"00-{trace_id}-b7ad6b7169203331-03"}
    event = {"specversion": "1.0", "id": "1", "source": source, "type": "test.metrics"}
    async with client("sqs") as sqs, http_client() as http:
        attributes = {"traceparent": traceparent}
        await sqs.send_message(QueueUrl=aws["queue_b"], MessageBody=json.dumps(event), MessageAttributes=attributes)

        async def is_told() -> bool:
            answer = await http.get(f"{aws['service_b']}/metrics", headers={"accept": "application/openmetrics-text"})
            return f'# {{trace_id="{trace_id}"}}' in answer.text

        await until(is_told, within_s=20)


async def _moved(endpoints: dict[str, str], before: Samples, by: float, name: str, **labels: str) -> Samples:
    """What is told once the metric has moved by that much."""
    now: Samples = {}

    async def has_moved() -> bool:
        nonlocal now
        now = await samples(endpoints)
        return total(now, name, **labels) - total(before, name, **labels) >= by

    await until(has_moved, within_s=30)
    return now
