"""The CloudFormation template, read."""

from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("template.yaml")
_TABLE_MEMBERS = ("TableName", "BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref x` is `{"Ref": "x"}`, `!Sub x` is `{"Fn::Sub": "x"}`."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix == "Ref" else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    raise yaml.constructor.ConstructorError(None, None, f"!{suffix} takes a text or a list", node.start_mark)


_Loader.add_multi_constructor("!", _intrinsic)


def load() -> dict[str, Any]:
    """The template, its intrinsic functions in their long form."""
    # A SafeLoader with constructors of its own; S506 knows the class by name only.
    return dict(yaml.load(FILE.read_text(), Loader=_Loader))  # noqa: S506


def table() -> dict[str, Any]:
    """What CreateTable takes to make the events table, for a DynamoDB that CloudFormation doesn't reach."""
    properties = load()["Resources"]["EventsTable"]["Properties"]
    return {name: properties[name] for name in _TABLE_MEMBERS}


def time_to_live() -> dict[str, Any]:
    """What UpdateTimeToLive takes for the events table."""
    properties = load()["Resources"]["EventsTable"]["Properties"]
    return {name: properties[name] for name in ("TableName", "TimeToLiveSpecification")}


def cors(parameters: dict[str, str]) -> dict[str, Any]:
    """The query API's CorsConfiguration, its references to `parameters` filled in."""
    configuration = load()["Resources"]["QueryApi"]["Properties"]["CorsConfiguration"]
    return {name: [_filled(value, parameters) for value in values] for name, values in configuration.items()}


def _filled(value: Any, parameters: dict[str, str]) -> Any:
    return parameters[value["Ref"]] if isinstance(value, dict) else value
