"""One CloudFormation stack: planned by a change set, brought to what a template says, removed."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Container, Mapping
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from infra import template
from pipeline.clients.aws import is_url_of_aws
from pipeline.core.errors import MensageriaError

HOLDS_DATA = frozenset(
    f"AWS::{kind}"
    for kind in (
        "MSK::Cluster",
        "RDS::DBInstance",
        "DynamoDB::Table",
        "SQS::Queue",
        "KMS::Key",
        "SecretsManager::Secret",
    )
)
"""Types whose resources are replaced or removed only on request."""

_DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_DELETE = "aws cloudformation delete-stack --stack-name {0}"
_WAYS_OUT = {
    **dict.fromkeys(
        ("CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED"),
        f"delete it by `{_DELETE}`, and if that fails again by `{_DELETE} --deletion-mode FORCE_DELETE_STACK`,"
        " which leaves what could not be deleted to be removed by hand",
    ),
    "UPDATE_FAILED": "roll it back by `aws cloudformation rollback-stack --stack-name {0}`",
    "UPDATE_ROLLBACK_FAILED": "mend what its events name, then"
    " `aws cloudformation continue-update-rollback --stack-name {0}`",
}
"""What ends the states that CloudFormation leaves to people."""


class DeployFailed(MensageriaError):
    """The stack could not be brought to what the template says; the text has CloudFormation's reasons."""


class Change(NamedTuple):
    """What happens to one resource; `replacement` is CloudFormation's word for whether it becomes another."""

    action: str
    name: str
    type: str
    replacement: str

    @property
    def loses_data(self) -> bool:
        """Whether a resource that holds data may be replaced or removed by it."""
        return self.type in HOLDS_DATA and (self.action == "Remove" or self.replacement in ("True", "Conditional"))

    def __str__(self) -> str:
        how = {"True": ", replaced", "Conditional": ", perhaps replaced"}.get(self.replacement, "")
        return f"{self.action.lower():8} {self.name} ({self.type}{how})"


class Plan(NamedTuple):
    """A change set that was made and not executed."""

    id: str
    is_create: bool
    changes: list[Change]


def is_of_aws(client: Any) -> bool:
    """Whether `client` asks AWS, and not an emulator."""
    return is_url_of_aws(client.meta.endpoint_url)


class Stack:
    """The stack `name`; `client` is an entered CloudFormation client."""

    def __init__(self, client: Any, name: str) -> None:
        self.name = name
        self._client = client
        # An emulator answers at once, and AWS lets an account ask about stacks a few times a second.
        self._poll_s = 10.0 if is_of_aws(client) else 0.1

    async def never_came_up(self) -> bool:
        """Whether its first creation failed and was rolled back: it can only be deleted."""
        found = await self._described()
        return found is not None and found["StackStatus"] == "ROLLBACK_COMPLETE"

    async def missing(self, body: str, parameters: Container[str]) -> list[str]:
        """The parameters of the template `body` that have no value: neither given, nor the stack's, nor a default."""
        kept = _parameters_of(await self._described())
        return sorted(
            name for name in template.parameters(body).required if name not in parameters and name not in kept
        )

    async def plan(self, body: str, parameters: Mapping[str, str]) -> Plan | None:
        """What would change; None where nothing would. Either `execute` it or `drop` it.

        A parameter of the template that isn't given keeps its value. Raises DeployFailed, which names the
        parameters that have none, or what ends the state that the stack is in.
        """
        found = await self._described()
        status = found["StackStatus"] if found else ""
        self._require_rest(status)
        if missing := await self.missing(body, parameters):
            needed = ", ".join(missing)
            raise DeployFailed(f"the stack {self.name} needs {needed}: write them into its environment's file")
        is_create = status in ("", "REVIEW_IN_PROGRESS")
        answer = await self._client.create_change_set(
            StackName=self.name,
            ChangeSetName=f"deploy-{uuid.uuid4()}",
            ChangeSetType="CREATE" if is_create else "UPDATE",
            TemplateBody=body,
            Parameters=_values(body, parameters, _parameters_of(found)),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        return await self._made(Plan(answer["Id"], is_create, []))

    async def execute(self, plan: Plan) -> None:
        """Carry out `plan`, and return once that is done. Raises DeployFailed with CloudFormation's reasons."""
        token, stack_id = _token(), await self._id()
        await self._client.execute_change_set(ChangeSetName=plan.id, StackName=self.name, ClientRequestToken=token)
        if (status := await self._ended(stack_id, token)) not in _DONE:
            raise DeployFailed(f"the stack {self.name} is {status}: {await self._reasons(stack_id, token)}")

    async def drop(self, plan: Plan) -> None:
        """Forget `plan`, and the empty stack that planning a new one leaves behind."""
        await self._client.delete_change_set(ChangeSetName=plan.id, StackName=self.name)
        if plan.is_create:
            await self._client.delete_stack(StackName=self.name)

    async def outputs(self) -> dict[str, str]:
        """Its outputs by name; none where it isn't there."""
        found = await self._described()
        return {output["OutputKey"]: output["OutputValue"] for output in (found or {}).get("Outputs", [])}

    async def protect(self, protect: bool) -> None:
        """Let nobody delete it, or let them again."""
        found = await self._described()
        if found and found.get("EnableTerminationProtection", False) != protect:
            await self._client.update_termination_protection(StackName=self.name, EnableTerminationProtection=protect)

    async def remove(self) -> list[str]:
        """Delete it, but for what its template retains: that by type and name.

        Raises DeployFailed where something stands in the way.
        """
        if not await self._described():
            return []
        token, stack_id = _token(), await self._id()
        try:
            await self._client.delete_stack(StackName=self.name, ClientRequestToken=token)
        except ClientError as error:
            if "TerminationProtection" not in str(error):
                raise
            raise DeployFailed(f"the stack {self.name} is protected: deploy it with protect = false first") from None
        status = await self._ended(stack_id, token)
        if status != "DELETE_COMPLETE":
            way_out = _WAYS_OUT.get(status, "").format(self.name)
            raise DeployFailed(f"the stack {self.name} is {status}: {await self._reasons(stack_id, token)}; {way_out}")
        return [
            f"{event['ResourceType']} {event['PhysicalResourceId']}"
            async for event in self._events(stack_id, token)
            if event["ResourceStatus"] == "DELETE_SKIPPED"
        ]

    def _require_rest(self, status: str) -> None:
        if way_out := _WAYS_OUT.get(status):
            raise DeployFailed(f"the stack {self.name} is {status}: {way_out.format(self.name)}")
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            raise DeployFailed(f"the stack {self.name} is {status}, by someone else: wait until that has ended")

    async def _made(self, plan: Plan) -> Plan | None:
        """`plan` with its changes, once CloudFormation has worked them out."""
        changes: list[Change] = []
        async for page in self._pages(plan):
            changes += [_change(each["ResourceChange"]) for each in page.get("Changes", []) if "ResourceChange" in each]
            if page["Status"] == "FAILED":
                await self.drop(plan)
                reason = page.get("StatusReason", "")
                if "didn't contain changes" in reason or "No updates are to be performed" in reason:
                    return None
                raise DeployFailed(f"the stack {self.name} can't be planned: {reason}")
        return plan._replace(changes=changes)

    async def _pages(self, plan: Plan) -> AsyncIterator[dict[str, Any]]:
        own = {"ChangeSetName": plan.id, "StackName": self.name}
        page = await self._client.describe_change_set(**own)
        while page["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):  # CloudFormation can only be asked
            await asyncio.sleep(self._poll_s)
            page = await self._client.describe_change_set(**own)
        yield page
        while token := page.get("NextToken"):
            page = await self._client.describe_change_set(**own, NextToken=token)
            yield page

    async def _ended(self, stack_id: str, token: str) -> str:
        """The stack's own status at the end of the operation that was begun with `token`."""
        while True:
            answer = await self._client.describe_stack_events(StackName=stack_id)
            for event in answer["StackEvents"]:  # the newest comes first
                status = str(event["ResourceStatus"])
                is_own = event.get("ClientRequestToken") == token and event["PhysicalResourceId"] == stack_id
                if is_own and not status.endswith("_IN_PROGRESS"):
                    return status
            await asyncio.sleep(self._poll_s)

    async def _reasons(self, stack_id: str, token: str) -> str:
        return "; ".join(
            [
                f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '?')}"
                async for event in self._events(stack_id, token)
                if event["ResourceStatus"].endswith("_FAILED")
            ]
        )

    async def _events(self, stack_id: str, token: str) -> AsyncIterator[dict[str, Any]]:
        """The events of one operation."""
        paginator = self._client.get_paginator("describe_stack_events")
        async for page in paginator.paginate(StackName=stack_id):
            for event in page["StackEvents"]:
                if event.get("ClientRequestToken") == token:
                    yield event

    async def _id(self) -> str:
        answer = await self._client.describe_stacks(StackName=self.name)
        return str(answer["Stacks"][0]["StackId"])

    async def _described(self) -> dict[str, Any] | None:
        """What CloudFormation says of it; None where it is not there."""
        try:
            answer = await self._client.describe_stacks(StackName=self.name)
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        found = dict(answer["Stacks"][0])
        return None if found["StackStatus"] == "DELETE_COMPLETE" else found


def _token() -> str:
    return f"deploy-{uuid.uuid4()}"


def _change(told: Mapping[str, str]) -> Change:
    replacement = told.get("Replacement", "False")
    return Change(told["Action"], told["LogicalResourceId"], told["ResourceType"], replacement)


def _parameters_of(found: Mapping[str, Any] | None) -> set[str]:
    return {each["ParameterKey"] for each in (found or {}).get("Parameters", [])}


def _values(body: str, given: Mapping[str, str], kept: Container[str]) -> list[dict[str, str | bool]]:
    wanted: list[dict[str, str | bool]] = []
    for name in template.parameters(body).all:
        if name in given:
            wanted.append({"ParameterKey": name, "ParameterValue": given[name]})
        elif name in kept:
            wanted.append({"ParameterKey": name, "UsePreviousValue": True})
    return wanted
