"""Schemas by type: each fault with its pointer, and a broken file told at start."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.formats.schemas import Schemas, read
from pipeline.core.errors import InvalidEvent, SettingsError
from pipeline.events.event import parse

ORDER = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["order"],
    "properties": {"order": {"type": "integer"}, "lines": {"type": "array", "items": {"type": "string"}}},
}


def event(**members: Any) -> bytes:
    return json.dumps({"specversion": "1.0", "id": "1", "source": "/s", "type": "order", **members}).encode()


def pointers(schemas: Schemas, body: bytes) -> list[str]:
    try:
        parse(body, schemas.faults)
    except InvalidEvent as error:
        return [fault.pointer for fault in error.faults]
    return []


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"data": {"order": 1}}, []),
        ({"data": {"order": "1", "lines": ["a", 2]}}, ["/data/lines/1", "/data/order"]),
        ({"data": []}, ["/data"]),
        ({}, ["/data"]),
        ({"data_base64": "AAE="}, ["/data_base64"]),
        ({"type": "other", "data": 1}, []),
    ],
)
def test_data_is_held_to_its_types_schema(members: dict[str, Any], expected: list[str]) -> None:
    assert sorted(pointers(Schemas({"order": ORDER}), event(**members))) == expected


def test_an_events_own_faults_are_told_beside_those_of_its_data() -> None:
    assert pointers(Schemas({"order": ORDER}), event(id="", data={})) == ["/id", "/data"]


def test_an_unknown_type_is_refused_where_it_should_be() -> None:
    assert pointers(Schemas({"order": ORDER}, "refuse"), event(type="other")) == ["/type"]
    assert pointers(Schemas({"order": ORDER}, "refuse"), event(type=7)) == ["/type"]


def test_a_file_is_named_for_its_type(tmp_path: Path) -> None:
    (tmp_path / "shop%2Forder.v1.json").write_text(json.dumps(ORDER))
    assert list(read(str(tmp_path), "accept").documents) == ["shop/order.v1"]
    assert read("", "accept").documents == {}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"type": "no such type"}',
        '{"$schema": "http://json-schema.org/draft-07/schema#"}',
        '{"$schema": 5}',
        '{"$schema": null}',
        '{"$ref": "https://other.example/schema"}',
        "7",
    ],
)
def test_a_broken_schema_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "order.json").write_text(text)
    with pytest.raises(SettingsError, match="order"):
        read(str(tmp_path), "accept")


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="doesn't exist"):
        read(str(tmp_path / "none"), "accept")


NAMES_A = {"names": '"a"'}


@pytest.mark.parametrize(
    ("schema", "data", "code", "parameters"),
    [
        ({"type": "string"}, 1, "schema-type", {"wanted": '"string"'}),
        ({"required": ["a"]}, {}, "schema-required", {"name": "a"}),
        (
            {"properties": {"b": {}}, "additionalProperties": False},
            {"a": 1},
            "schema-unknown-members",
            {"names": '"a"'},
        ),
        ({"enum": ["a", 1]}, 2, "schema-choices", {"choices": '"a", 1'}),
        ({"pattern": "^a"}, "b", "schema-pattern", {"pattern": "^a"}),
        ({"format": "date"}, "b", "schema-format", {"format": "date"}),
        ({"minimum": 1.5}, 1, "schema-at-least", {"limit": "1.5"}),
        ({"maximum": 1}, 2, "schema-at-most", {"limit": "1"}),
        ({"minLength": 2}, "a", "schema-too-short", {"limit": "2"}),
        ({"maxLength": 2}, "aaa", "schema-too-long", {"limit": "2"}),
        ({"minItems": 2}, [], "schema", {"keyword": "minItems", "message": "[] has less than 2 items"}),
        (False, 1, "schema", {"keyword": "falseSchema", "message": "False schema does not allow 1"}),
    ],
)
def test_a_broken_rule_has_a_code_and_parameters(schema: Any, data: Any, code: str, parameters: dict[str, str]) -> None:
    [fault] = Schemas({"order": schema}).faults({"type": "order", "data": data})
    assert (fault.code, fault.parameters) == (code, parameters)
