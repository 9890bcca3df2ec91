"""The states and the changes of a stack that no emulator gets into."""

from types import SimpleNamespace
from typing import Any

import pytest

from infra.cloudformation import Change, DeployFailed, Stack, is_of_aws
from infra.setup_task import require_success

BODY = "Resources: {}\nParameters: {}\n"


class InState:
    """CloudFormation, as it describes a stack in one state; it is asked for nothing else."""

    def __init__(self, status: str, url: str = "https://cloudformation.eu-west-1.amazonaws.com") -> None:
        self.meta = SimpleNamespace(endpoint_url=url)
        self._status = status

    async def describe_stacks(self, **_: str) -> dict[str, Any]:
        return {"Stacks": [{"StackStatus": self._status, "StackId": "1"}]}


@pytest.mark.parametrize(
    ("status", "way_out"),
    [
        ("CREATE_FAILED", "aws cloudformation delete-stack --stack-name s"),
        ("ROLLBACK_FAILED", "aws cloudformation delete-stack --stack-name s --deletion-mode FORCE_DELETE_STACK"),
        ("DELETE_FAILED", "aws cloudformation delete-stack --stack-name s --deletion-mode FORCE_DELETE_STACK"),
        ("UPDATE_FAILED", "aws cloudformation rollback-stack --stack-name s"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name s"),
        ("UPDATE_IN_PROGRESS", "by someone else: wait until that has ended"),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "by someone else: wait until that has ended"),
    ],
)
async def test_a_state_that_only_people_end_is_named_with_what_ends_it(status: str, way_out: str) -> None:
    with pytest.raises(DeployFailed) as failed:
        await Stack(InState(status), "s").plan(BODY, {})
    assert f"the stack s is {status}" in str(failed.value)
    assert way_out in str(failed.value)


@pytest.mark.parametrize(
    ("action", "type_", "replacement", "loses"),
    [
        ("Modify", "AWS::MSK::Cluster", "True", True),
        ("Modify", "AWS::RDS::DBInstance", "Conditional", True),
        ("Modify", "AWS::RDS::DBInstance", "False", False),
        ("Remove", "AWS::SQS::Queue", "False", True),
        ("Add", "AWS::SQS::Queue", "False", False),
        ("Modify", "AWS::ECS::TaskDefinition", "True", False),
        ("Remove", "AWS::ECS::Service", "False", False),
    ],
)
def test_what_holds_data_is_not_replaced_or_removed(action: str, type_: str, replacement: str, loses: bool) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html"""
    change = Change(action, "Name", type_, replacement)
    assert change.loses_data is loses
    assert ("replaced" in str(change)) == (replacement != "False")


@pytest.mark.parametrize(
    ("url", "of_aws"),
    [
        ("https://cloudformation.eu-west-1.amazonaws.com", True),
        ("https://cloudformation.cn-north-1.amazonaws.com.cn", True),
        ("https://cloudformation.eu-west-1.api.aws", True),
        ("http://127.0.0.1:4566", False),
        ("http://amazonaws.com.localhost:4566", False),
    ],
)
def test_aws_is_told_from_an_emulator(url: str, of_aws: bool) -> None:
    assert is_of_aws(InState("", url)) is of_aws


@pytest.mark.parametrize("ended", [{"exitCode": 1}, {}], ids=["failed", "never began"])
def test_a_setup_task_that_does_not_end_well_stops_the_deployment(ended: dict[str, int]) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Container.html"""
    containers = [{"name": "certificates", "exitCode": 0}, {"name": "setup", **ended}]
    with pytest.raises(DeployFailed, match=r"failed \(no image; .*`aws logs tail /c/setup` says why"):
        require_success({"containers": containers, "stoppedReason": "no image"}, "/c/setup")
    require_success({"containers": containers[:1]}, "/c/setup")
