"""The CloudFormation templates, read."""

import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FILE = Path(__file__).with_name("template.yaml")
_TABLE_MEMBERS = ("TableName", "BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short forms: `!Ref x` is `{"Ref": "x"}`, `!Sub x` is `{"Fn::Sub": "x"}`."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix == "Ref" else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(typing.cast(yaml.MappingNode, node), deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)


class Parameters(NamedTuple):
    """The names of a template's parameters, in its order, and of those without a default."""

    all: list[str]
    required: set[str]


def parsed(body: str) -> dict[str, Any]:
    """A template, its intrinsic functions in their long form."""
    # A SafeLoader with constructors of its own; S506 knows the class by name only.
    return dict(yaml.load(body, Loader=_Loader))  # noqa: S506


def load() -> dict[str, Any]:
    """The pipeline's template."""
    return parsed(FILE.read_text())


def parameters(body: str) -> Parameters:
    """The parameters of the template `body`."""
    declared = parsed(body)["Parameters"]
    return Parameters(list(declared), {name for name, each in declared.items() if "Default" not in each})


def table() -> dict[str, Any]:
    """What CreateTable takes to make the events table, for a DynamoDB that CloudFormation doesn't reach."""
    properties = load()["Resources"]["EventsTable"]["Properties"]
    made = {name: _without_prefix(properties[name]) for name in _TABLE_MEMBERS}
    made["GlobalSecondaryIndexes"] = [
        {name: value for name, value in index.items() if name != "WarmThroughput"}
        for index in made["GlobalSecondaryIndexes"]
    ]
    return made


def cors(values: Mapping[str, str]) -> dict[str, Any]:
    """The query API's CorsConfiguration, its references to parameters filled in from `values`."""
    configuration = load()["Resources"]["QueryApi"]["Properties"]["CorsConfiguration"]
    return {name: [_filled(item, values) for item in items] for name, items in configuration.items()}


def _filled(value: Any, parameters: Mapping[str, str]) -> Any:
    return parameters[value["Ref"]] if isinstance(value, dict) else value


def _without_prefix(value: Any) -> Any:
    """A name as it is on one machine, where no environment stands before it."""
    return value["Fn::Sub"].replace("${Prefix}", "") if isinstance(value, dict) and "Fn::Sub" in value else value
