"""What Grafana reads at its start, by the schema that its documentation gives, and what that leads to."""

import json
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.support import compose
from tests.support.running_system import ROOT

FOLDER = ROOT / "docker" / "grafana"
_TEXT, _FLAG = {"type": "string"}, {"type": "boolean"}
DATA_SOURCES = {
    "required": ["apiVersion", "datasources"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": 1},
        "prune": _FLAG,
        "datasources": {
            "type": "array",
            "items": {
                "required": ["name", "type", "access"],
                "additionalProperties": False,
                "properties": {
                    **dict.fromkeys(("name", "type", "uid", "url", "user", "database"), _TEXT),
                    **dict.fromkeys(("isDefault", "editable", "basicAuth", "withCredentials"), _FLAG),
                    "access": {"enum": ["proxy", "direct"]},
                    "jsonData": {"type": "object"},
                    "secureJsonData": {"type": "object"},
                },
            },
        },
    },
}
DASHBOARDS = {
    "required": ["apiVersion", "providers"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": 1},
        "providers": {
            "type": "array",
            "items": {
                "required": ["name", "options"],
                "additionalProperties": False,
                "properties": {
                    **dict.fromkeys(("name", "folder", "folderUid"), _TEXT),
                    **dict.fromkeys(("disableDeletion", "allowUiUpdates"), _FLAG),
                    "orgId": {"type": "integer"},
                    "updateIntervalSeconds": {"type": "integer"},
                    "type": {"const": "file"},
                    "options": {
                        "required": ["path"],
                        "additionalProperties": False,
                        "properties": {"path": _TEXT, "foldersFromFilesStructure": _FLAG},
                    },
                },
            },
        },
    },
}


@pytest.fixture
def data_sources() -> list[dict[str, Any]]:
    return list(_provisioning("datasources")["datasources"])


def _provisioning(kind: str) -> dict[str, Any]:
    return dict(yaml.safe_load((FOLDER / "provisioning" / kind / f"{kind}.yml").read_text()))


@pytest.mark.parametrize(("kind", "schema"), [("datasources", DATA_SOURCES), ("dashboards", DASHBOARDS)])
def test_a_provisioning_file_has_the_documented_schema(kind: str, schema: dict[str, Any]) -> None:
    jsonschema_rs.validate(schema, _provisioning(kind))


def test_each_data_source_is_a_container(data_sources: list[dict[str, Any]]) -> None:
    services = yaml.safe_load(compose.FILE.read_text())["services"]
    ports = {name: services[name]["ports"][0].rpartition(":")[2].rstrip('"') for name in ("prometheus", "jaeger")}
    assert {source["uid"]: source["url"] for source in data_sources} == {
        name: f"http://{name}:{port}" for name, port in ports.items()
    }


def test_an_exemplar_leads_to_a_data_source(data_sources: list[dict[str, Any]]) -> None:
    led = [
        to["datasourceUid"]
        for source in data_sources
        for to in source.get("jsonData", {}).get("exemplarTraceIdDestinations", [])
    ]
    assert led == ["jaeger"]
    assert set(led) < {source["uid"] for source in data_sources}


def test_the_dashboards_are_where_they_are_read_and_ask_a_data_source_of_their_kind(
    data_sources: list[dict[str, Any]],
) -> None:
    [provider] = _provisioning("dashboards")["providers"]
    mounts = yaml.safe_load(compose.FILE.read_text())["services"]["grafana"]["volumes"]
    assert f"./docker/grafana/dashboards:{provider['options']['path']}:ro" in mounts
    [usual] = [source["type"] for source in data_sources if source.get("isDefault")]
    for file in (FOLDER / "dashboards").glob("*.json"):
        dashboard = json.loads(file.read_text())
        [variable] = [each for each in dashboard["templating"]["list"] if each["type"] == "datasource"]
        assert variable["query"] == usual, file.name
        assert _uids(dashboard["panels"]) == {f"${{{variable['name']}}}"}, file.name


def _uids(value: Any) -> set[str]:
    if isinstance(value, list):
        return {uid for each in value for uid in _uids(each)}
    if not isinstance(value, dict):
        return set()
    own = {value["datasource"]["uid"]} if isinstance(value.get("datasource"), dict) else set()
    return own | {uid for each in value.values() for uid in _uids(each)}
