"""asyncapi.yml: valid by AsyncAPI's own schema, whole, and true."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from gateway import publication
from pipeline.clients.kafka import CONTENT_TYPE
from pipeline.core.errors import Rejected
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.events import receipts
from pipeline.events.delivery import Arrival
from pipeline.events.envelope import envelope
from pipeline.events.event import parse

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def document() -> Any:
    return yaml.safe_load((ROOT / "asyncapi.yml").read_text())


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for child in value.values():
            yield from references(child)
    elif isinstance(value, list):
        for child in value:
            yield from references(child)


def test_it_is_valid(document: Any) -> None:
    schema = json.loads((ROOT / "tests/asyncapi/3.0.0.json").read_text())
    errors = [
        f"{error.instance_path}: {error.message}"
        for error in jsonschema_rs.Draft7Validator(schema).iter_errors(document)
    ]
    assert errors == []


def test_every_reference_leads_somewhere(document: Any) -> None:
    for reference in references(document):
        found = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_the_addresses_are_the_templates_and_the_settings(document: Any) -> None:
    template = (ROOT / "infra/template.yaml").read_text()
    channels = {name: channel["address"] for name, channel in document["channels"].items()}
    kafka = KafkaSettings()
    assert (channels.pop("kafkaTopic"), channels.pop("kafkaDeadLetters")) == (kafka.topic, kafka.dead_letter_topic)
    assert channels.pop("kafkaPending") == kafka.pending_topic
    assert (channels.pop("kafkaReceipts"), channels.pop("kafkaJourneys")) == (
        kafka.receipts_topic,
        kafka.journeys_topic,
    )
    assert f"TopicName: !Sub ${{Prefix}}{channels.pop('topic')}\n" in template
    for address in channels.values():
        assert f"QueueName: !Sub ${{Prefix}}{address}\n" in template


def test_the_metadata_is_what_the_gateway_sends(document: Any) -> None:
    body = b'{"specversion":"1.0","id":"1","source":"/s","type":"t"}'
    published = publication.of(parse(body), "2026-11-23T15:24:00.123456Z", "00-1-2-00", "shop")
    asking = publication.replying_to("00-1", published)
    schemas, messages = document["components"]["schemas"], document["components"]["messages"]
    assert asking
    names = [name for name, _ in publication.pending_in_kafka(asking).metadata]
    assert list(schemas["Metadata"]["properties"]) == [*names, "healed_at"]
    (name, value), (_, added) = CONTENT_TYPE, messages["KafkaEvent"]["headers"]["allOf"]
    assert added["properties"] == {name: {"const": value.decode()}}
    jsonschema_rs.Draft202012Validator(schemas["Event"]).validate(json.loads(body))


@pytest.mark.parametrize(
    "known", [{"stored_at": "2026-11-23T15:24:00.123456Z", "origin": {}}, {"dead_letter": "conflict"}]
)
def test_a_report_is_what_the_services_send(document: Any, known: dict[str, Any]) -> None:
    sent = json.loads(receipts.encode(receipts.Report("00-1", "/s", "1", "postgres", "sqs", **known)))
    schema = document["components"]["schemas"]["Report"]
    jsonschema_rs.Draft202012Validator(schema).validate(sent)
    assert list(schema["properties"]) == list(receipts.Report.__struct_fields__)


def test_a_dead_letter_is_what_the_services_write(document: Any) -> None:
    arrival = Arrival(b"{", "kafka", {"topic": "events", "partition": 0, "offset": 1}, "2026-11-23T15:24:00.123456Z")
    letter = json.loads(envelope(arrival, Rejected("malformed", "not JSON"), "service-c"))
    schema = document["components"]["schemas"]["DeadLetter"]
    jsonschema_rs.Draft202012Validator(schema).validate(letter)
    assert set(letter) == set(schema["properties"])


def test_a_follow_is_what_the_gateway_sends(document: Any) -> None:
    sent = json.loads(receipts.encode(receipts.Follow("00-1", "/s", "1")))
    schema = document["components"]["schemas"]["Follow"]
    jsonschema_rs.Draft202012Validator(schema).validate(sent)
    assert list(schema["properties"]) == list(receipts.Follow.__struct_fields__)
