"""The templates' policy statements as AWS would have them: references to resources filled in."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra import template

FILES = sorted(Path(template.__file__).parent.glob("*.yaml"))
_NOTHING = {"Ref": "AWS::NoValue"}
_ACCOUNT = "eu-west-1:123456789012"
_QUEUES = ("QueueB", "QueueC", "PendingQueue", "DeadLetterB", "DeadLetterC")
_NAMES = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "123456789012",
    "Prefix": "staging-",
    "TableName": "events",
    "QueryLogs": "/aws/lambda/staging-mensageria-query",
    "KafkaArn": f"arn:aws:kafka:{_ACCOUNT}:cluster/staging-mensageria/1-2",
    "TopicArn": f"arn:aws:sns:{_ACCOUNT}:events",
    "Topic": f"arn:aws:sns:{_ACCOUNT}:events",
    "AlarmTopic": f"arn:aws:sns:{_ACCOUNT}:mensageria-alarms",
    "EventsTable.Arn": f"arn:aws:dynamodb:{_ACCOUNT}:table/events",
    "NetworkLogs.Arn": f"arn:aws:logs:{_ACCOUNT}:log-group:/mensageria/network:*",
    **dict.fromkeys(("KeyArn", "Key.Arn"), f"arn:aws:kms:{_ACCOUNT}:key/1"),
    **{f"{each}.Arn": f"arn:aws:sqs:{_ACCOUNT}:{each}" for each in _QUEUES},
}
_SECRET = re.compile(r"(\w+)(User|Secret)")


def resources(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each resource, also those within a ForEach."""
    for name, resource in template.parsed(file.read_text())["Resources"].items():
        yield from resource[2].items() if name.startswith("Fn::ForEach") else [(name, resource)]


def statements(node: Any) -> Iterator[dict[str, Any]]:
    """Every policy statement below `node`."""
    if isinstance(node, dict):
        if "Effect" in node:
            yield node
        for value in node.values():
            yield from statements(value)
    elif isinstance(node, list):
        for value in node:
            yield from statements(value)


def filled(node: Any) -> Any:
    """`node` with its references filled in, and each condition taken for true, else for false where that is nothing."""
    match node:
        case {"Ref": str(name)} | {"Fn::GetAtt": str(name)}:
            return _name(name)
        case {"Fn::Sub": [str(text), dict(own)]}:
            return _substituted(text, {name: str(filled(value)) for name, value in own.items()})
        case {"Fn::Sub": str(text)}:
            return _substituted(text, {})
        case {"Fn::Select": [int(place), {"Fn::Split": [str(between), text]}]}:
            return filled(text).split(between)[place]
        case {"Fn::If": [_, true, false]}:
            return filled(false if true == _NOTHING else true)
        case _:
            return _filled_within(node)


def _filled_within(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: filled(value) for key, value in node.items()}
    return [filled(value) for value in node] if isinstance(node, list) else node


def _substituted(text: str, own: dict[str, str]) -> str:
    return re.sub(r"\$\{([^}]+)\}", lambda found: own.get(found[1]) or _name(found[1]), text)


def _name(name: str) -> str:
    if name not in _NAMES and _SECRET.fullmatch(name):
        return f"arn:aws:secretsmanager:{_ACCOUNT}:secret:{name}"
    return _NAMES[name]
