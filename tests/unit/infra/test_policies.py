"""Who may do what on AWS: read from every template."""

import json
import re
import subprocess
import sys
from dataclasses import fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from infra import environment, template
from infra.cloudformation import DeployFailed
from pipeline.core import table
from pipeline.core.settings.docs import markdown
from pipeline.core.settings.gateway import GatewaySettings
from pipeline.core.settings.infra import SetupSettings
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.settings.tools import StoreSettings
from pipeline.core.settings.web import LoginSettings, WebSettings
from pipeline.core.settings.workers import ServiceBSettings, ServiceCSettings
from pipeline.core.variables import required
from streams.dynamodb import _Held
from tests.support import dockerfile
from tests.support.policy_statements import FILES, filled, resources, statements
from tests.support.running_system import ROOT

SERVICES = ("Gateway", "ServiceB", "ServiceC", "Web")


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
            assert statement.get("Principal") != "*", name
            if resource["Type"] != "AWS::KMS::Key":  # a key's own policy can say nothing else: it means this key
                assert "*" not in listed(statement.get("Resource", [])), name
    assert found


def told_of(tmp_path: Path, every: list[dict[str, Any]]) -> str:
    """What cfn-lint says of statements in which nothing is left to be filled in: it looks at no others so closely."""
    document = {"Version": "2012-10-17", "Statement": every}
    properties = {"PolicyName": "all", "Roles": ["one"], "PolicyDocument": document}
    file = tmp_path / "policies.json"
    file.write_text(json.dumps({"Resources": {"All": {"Type": "AWS::IAM::Policy", "Properties": properties}}}))
    cfn_lint = str(Path(sys.executable).with_name("cfn-lint"))
    command = [cfn_lint, "--regions", "eu-west-1", "--include-checks", "I3510", "--", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_every_action_can_be_done_to_what_its_statement_names(tmp_path: Path) -> None:
    found = [
        {key: value for key, value in filled(statement).items() if key not in ("Sid", "Principal")}
        for file in FILES
        for _, resource in resources(file)
        for statement in statements(resource)
        if "Resource" in statement
    ]
    assert len(found) > 30
    wrong = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sns:eu-west-1:123456789012:events"}
    told = told_of(tmp_path, [*found, wrong])
    assert re.findall(r"^[EIW]\d+", told, re.MULTILINE) == ["I3510"], told
    assert told.startswith("I3510 action 'sqs:SendMessage' requires a resource of")


def test_the_query_may_write_its_own_log() -> None:
    """An ARN of a log group ends in `:*`, and what is appended to that is no stream's."""
    role = dict(resources(template.FILE))["QueryRole"]
    [logs] = [each for each in statements(role) if "logs:PutLogEvents" in each["Action"]]
    stream = (
        "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/staging-mensageria-query:log-stream:2026/11/28/[1]a"
    )
    assert fnmatchcase(stream, filled(logs["Resource"]))


def test_service_c_can_read_no_event() -> None:
    [reading] = [
        each
        for each in statements(dict(resources(FILES[0].with_name("services.yaml")))["ServiceCRole"])
        if "dynamodb:GetItem" in each["Action"]
    ]
    assert reading["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [table.NO_EVENT]}}
    assert "\n" not in table.NO_EVENT
    assert "\n" in table.identity_key("any source", "any id")


def test_service_c_reads_of_an_item_what_a_receipt_says_and_nothing_of_the_event() -> None:
    [looking] = [
        each
        for each in statements(dict(resources(FILES[0].with_name("services.yaml")))["ServiceCRole"])
        if "dynamodb:Query" in each["Action"]
    ]
    assert looking["Condition"]["StringEquals"] == {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}
    allowed = looking["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"]
    assert sorted(allowed) == sorted([table.IDENTITY, *_Held.__struct_fields__])


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
        assert used == own


def test_the_setup_task_may_make_every_topic() -> None:
    """What a role may not describe is not listed to it either: it would be made again, and be refused."""
    kafka = KafkaSettings(bootstrap_servers="127.0.0.1:9092")
    topics = {getattr(kafka, each.name) for each in fields(kafka) if each.name.endswith("topic")}
    [making] = [
        filled(each["Resource"])
        for each in statements(dict(resources(FILES[0].with_name("setup.yaml")))["SetupRole"])
        if "kafka-cluster:CreateTopic" in each["Action"]
    ]
    assert {arn.rpartition("/")[2] for arn in making} == topics
    assert len(topics) == 5


def test_what_holds_data_is_encrypted() -> None:
    assert all(queue["SqsManagedSseEnabled"] is True for queue in of_type("AWS::SQS::Queue"))
    assert all(topic["KmsMasterKeyId"] for topic in of_type("AWS::SNS::Topic"))
    [database] = of_type("AWS::RDS::DBInstance")
    assert database["StorageEncrypted"] is database["MultiAZ"] is True
    [kafka] = of_type("AWS::MSK::Cluster")
    assert kafka["EncryptionInfo"]["EncryptionInTransit"] == {"ClientBroker": "TLS", "InCluster": True}
    assert "DataVolumeKMSKeyId" in kafka["EncryptionInfo"]["EncryptionAtRest"]
    [events] = of_type("AWS::DynamoDB::Table")
    assert events["SSESpecification"]["SSEEnabled"] is True


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
    assert given <= set(re.findall(r"MENSAGERIA_\w+", markdown()))


def test_each_service_is_given_all_that_it_needs() -> None:
    kinds = {
        "gateway": GatewaySettings,
        "service-b": ServiceBSettings,
        "service-c": ServiceCSettings,
        "web": WebSettings,
        "setup": SetupSettings,
    }
    for task in of_type("AWS::ECS::TaskDefinition"):
        main = task["ContainerDefinitions"][0]
        given = {each["Name"] for each in (*main["Environment"], *main["Secrets"])}
        assert set(required(kinds[main["Name"]])) <= given, main["Name"]
        if main["Name"] == "web":
            assert set(required(LoginSettings)) <= given
        if main["Name"] == "setup":  # `mensageria retention` runs in it: docs/aws.md
            assert set(required(StoreSettings)) <= given


def test_every_alarm_names_a_runbook_that_is_there() -> None:
    described = [alarm["AlarmDescription"] for alarm in of_type("AWS::CloudWatch::Alarm")]
    assert len(described) == 15
    for each in described:
        text = each["Fn::Sub"] if isinstance(each, dict) else each
        page, _, section = text.rpartition(" ")[2].partition("#")
        assert (ROOT / page).is_file(), text
        if section:
            assert f"### {section.replace('-', ' ').capitalize()}\n" in (ROOT / page).read_text()


def test_an_environment_lacks_nothing_that_its_stacks_need() -> None:
    example = environment.read("example")
    known = {"CodeBucket", "CodeKey", "KafkaBootstrapServers", "KafkaIamBootstrapServers", "Prefix", "Protect"}
    for name, own in example.stacks.items():
        body = example.body(name)
        declared = template.parameters(body)
        assert declared.required <= known | set(own), name
        assert set(own) <= set(declared.all), name
        known |= set(template.parsed(body)["Outputs"])


def test_an_unknown_environment_is_named() -> None:
    with pytest.raises(DeployFailed, match="unknown environment 'nowhere'; expected one of example, local"):
        environment.read("nowhere")


def test_a_misspelt_parameter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in FILES:
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "environments").mkdir()
    monkeypatch.setattr(environment, "_FOLDER", tmp_path)
    written = (tmp_path / "environments" / "trial.toml").write_text
    written('code_bucket = "b"\naccount = "1"\nregion = "r"\n[data]\nBrokerGiB = 500\n')
    assert environment.read("trial").stacks == {"data": {"BrokerGiB": "500"}}
    written('code_bucket = "b"\naccount = "1"\nregion = "r"\n[data]\nBrokerGib = 500\n')
    with pytest.raises(DeployFailed, match=r"trial.toml: data.yaml has no parameter BrokerGib"):
        environment.read("trial")
    written('code_bucket = "b"\n[data]\n')
    with pytest.raises(DeployFailed, match="needs account and region"):
        environment.read("trial")
