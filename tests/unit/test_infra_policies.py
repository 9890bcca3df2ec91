"""Who may do what on AWS: read from every template."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import deploy, template
from infra.cloudformation import DeployFailed
from pipeline import settings
from pipeline.variables import required
from tests import dockerfile
from tests.running_system import ROOT

FILES = sorted(Path(template.__file__).parent.glob("*.yaml"))
SERVICES = ("Gateway", "ServiceB", "ServiceC", "Web")


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


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def of_type(kind: str) -> list[dict[str, Any]]:
    return [each["Properties"] for file in FILES for _, each in resources(file) if each["Type"] == kind]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_is_allowed_on_everything(file: Path) -> None:
    found = 0
    for name, resource in resources(file):
        for statement in statements(resource):
            found += 1
            assert not [action for action in listed(statement["Action"]) if "*" in action], name
            if resource["Type"] != "AWS::KMS::Key":  # a key's own policy can say nothing else: it means this key
                assert "*" not in listed(statement.get("Resource", [])), name
    assert found


def test_every_service_has_a_role_of_its_own_and_one_that_reads_its_own_secrets_alone() -> None:
    everything = dict(resources(FILES[0].with_name("services.yaml")))
    for service in SERVICES:
        task = everything[f"{service}Task"]["Properties"]
        assert task["TaskRoleArn"] == {"Fn::GetAtt": f"{service}Role.Arn"}
        assert task["ExecutionRoleArn"] == {"Fn::GetAtt": f"{service}StartRole.Arn"}
        given = [secret["ValueFrom"] for each in task["ContainerDefinitions"] for secret in each.get("Secrets", [])]
        used = {each.get("Ref") or each["Fn::Sub"].removeprefix("${").partition("}")[0] for each in given}
        [own] = [
            {secret["Ref"] for secret in statement["Resource"]}
            for statement in statements(everything[f"{service}StartRole"])
            if statement["Action"] == "secretsmanager:GetSecretValue"
        ]
        assert used == own | {"CollectorConfiguration"}  # a parameter, and no secret


def test_what_holds_data_is_encrypted_and_not_deleted_by_accident() -> None:
    assert all(queue["SqsManagedSseEnabled"] is True for queue in of_type("AWS::SQS::Queue"))
    assert all(topic["KmsMasterKeyId"] for topic in of_type("AWS::SNS::Topic"))
    [database] = of_type("AWS::RDS::DBInstance")
    assert database["StorageEncrypted"] is database["MultiAZ"] is database["DeletionProtection"] is True
    [kafka] = of_type("AWS::MSK::Cluster")
    assert kafka["EncryptionInfo"]["EncryptionInTransit"] == {"ClientBroker": "TLS", "InCluster": True}
    assert "DataVolumeKMSKeyId" in kafka["EncryptionInfo"]["EncryptionAtRest"]
    [table] = of_type("AWS::DynamoDB::Table")
    assert table["SSESpecification"]["SSEEnabled"] is True
    kinds = ("AWS::SQS::Queue", "AWS::RDS::DBInstance", "AWS::MSK::Cluster", "AWS::DynamoDB::Table", "AWS::KMS::Key")
    for file in FILES:
        for name, resource in resources(file):
            if resource["Type"] in kinds:
                assert resource["DeletionPolicy"] in ("Retain", "Snapshot"), name
                assert resource["UpdateReplacePolicy"] in ("Retain", "Snapshot"), name


def test_the_services_run_what_they_run_everywhere() -> None:
    """Without a shell of root's, on a file system that can't be written to, and with the commands of compose.yml."""
    for task in of_type("AWS::ECS::TaskDefinition"):
        main = task["ContainerDefinitions"][0]
        assert tuple(main["Command"]) == dockerfile.exec_form(main["Name"], "CMD")
        assert main["ReadonlyRootFilesystem"] is True
        assert main["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}


@pytest.mark.parametrize("file", [*FILES, ROOT / "compose.yml"], ids=lambda file: file.name)
def test_every_variable_is_a_setting(file: Path) -> None:
    """By its name in the text: a misspelt one would be read by nobody."""
    given = set(re.findall(r"\b(MENSAGERIA_\w+)(?:,|: )", file.read_text()))
    assert given <= set(re.findall(r"MENSAGERIA_\w+", settings.markdown()))


def test_each_service_is_given_all_that_it_needs() -> None:
    kinds = {
        "gateway": settings.GatewaySettings,
        "service-b": settings.ServiceBSettings,
        "service-c": settings.ServiceCSettings,
        "web": settings.WebSettings,
    }
    for task in of_type("AWS::ECS::TaskDefinition"):
        main = task["ContainerDefinitions"][0]
        given = {each["Name"] for each in (*main["Environment"], *main["Secrets"])}
        assert set(required(kinds[main["Name"]])) <= given, main["Name"]
    assert set(required(settings.LoginSettings)) <= given  # web's, the last one


def test_every_alarm_names_a_runbook_that_is_there() -> None:
    described = [alarm["AlarmDescription"] for alarm in of_type("AWS::CloudWatch::Alarm")]
    assert len(described) == 5
    for each in described:
        text = each["Fn::Sub"] if isinstance(each, dict) else each
        assert (ROOT / text.rpartition(" ")[2]).is_file(), text


def test_an_environment_lacks_nothing_that_its_stacks_need() -> None:
    example = deploy.environment("example")
    known = {"CodeBucket", "CodeKey", "KafkaBootstrapServers"}
    for name, own in example.stacks.items():
        body = FILES[0].with_name(deploy.TEMPLATES[name]).read_text()
        declared = template.parameters(body)
        assert declared.required <= known | set(own), name
        assert set(own) <= set(declared.all), name
        known |= set(template.parsed(body)["Outputs"])


def test_an_unknown_environment_is_named() -> None:
    with pytest.raises(DeployFailed, match="no environment 'nowhere': there are example, local"):
        deploy.environment("nowhere")
