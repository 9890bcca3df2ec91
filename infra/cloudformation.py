"""One CloudFormation stack: brought to what a template says, asked for its outputs, removed."""

import asyncio
from collections.abc import Container, Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra import template
from pipeline.errors import MensageriaError

_POLL_S = 0.2
_DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


class DeployFailed(MensageriaError):
    """The stack could not be brought to what the template says; the text has CloudFormation's reasons."""


class Stack:
    """The stack `name`; `client` is an entered CloudFormation client."""

    def __init__(self, client: Any, name: str) -> None:
        self.name = name
        self._client = client

    async def apply(self, body: str, parameters: Mapping[str, str]) -> None:
        """Create it from the template `body`, or update it in place; where nothing changes nothing is done.

        A parameter of the template that isn't given keeps its value. Raises DeployFailed, which
        names the parameters that have none.
        """
        found = await self._described()
        if found and found["StackStatus"] == "ROLLBACK_COMPLETE":  # never came up: it can only be deleted
            await self.remove()
            found = None
        kept = {each["ParameterKey"] for each in found.get("Parameters", [])} if found else set()
        wanted = {
            "StackName": self.name,
            "TemplateBody": body,
            "Parameters": self._parameters(body, parameters, kept),
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        }
        if not found:
            await self._client.create_stack(**wanted)
        elif not await self._update(wanted):
            return
        if (status := await self._settled()) not in _DONE:
            raise DeployFailed(f"the stack {self.name} is {status}: {await self._reasons()}")

    async def outputs(self) -> dict[str, str]:
        """Its outputs by name."""
        answer = await self._client.describe_stacks(StackName=self.name)
        return {output["OutputKey"]: output["OutputValue"] for output in answer["Stacks"][0].get("Outputs", [])}

    async def remove(self) -> None:
        """Delete it, but for what its template retains. Raises DeployFailed where something stands in the way."""
        if not await self._described():
            return
        await self._client.delete_stack(StackName=self.name)
        if status := await self._settled():
            raise DeployFailed(f"the stack {self.name} is {status}: {await self._reasons()}")

    def _parameters(self, body: str, given: Mapping[str, str], kept: Container[str]) -> list[dict[str, str | bool]]:
        declared = template.parameters(body)
        if missing := sorted(name for name in declared.required if name not in given and name not in kept):
            needed = ", ".join(missing)
            raise DeployFailed(f"the stack {self.name} needs {needed}: write them into its environment's file")
        wanted: list[dict[str, str | bool]] = []
        for name in declared.all:
            if name in given:
                wanted.append({"ParameterKey": name, "ParameterValue": given[name]})
            elif name in kept:
                wanted.append({"ParameterKey": name, "UsePreviousValue": True})
        return wanted

    async def _update(self, wanted: dict[str, Any]) -> bool:
        """Start an update; whether there is something to update."""
        try:
            await self._client.update_stack(**wanted)
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return False
            raise
        return True

    async def _settled(self) -> str | None:
        """Its status once nothing is in progress; None where it is gone."""
        found = await self._described()
        while found and found["StackStatus"].endswith("_IN_PROGRESS"):  # CloudFormation can only be asked
            await asyncio.sleep(_POLL_S)
            found = await self._described()
        return str(found["StackStatus"]) if found else None

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

    async def _reasons(self) -> str:
        answer = await self._client.describe_stack_events(StackName=self.name)
        failed = [event for event in answer["StackEvents"] if event["ResourceStatus"].endswith("_FAILED")]
        return "; ".join(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '?')}" for event in failed)
