"""One CloudFormation stack: brought to what a template says, asked for its outputs, removed."""

import asyncio
from collections.abc import Mapping
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
        if await self._status() == "ROLLBACK_COMPLETE":  # never came up: it can only be deleted
            await self.remove()
        wanted = {
            "StackName": self.name,
            "TemplateBody": body,
            "Parameters": await self._parameters(body, parameters),
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        }
        if await self._status() is None:
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
        if await self._status() is None:
            return
        await self._client.delete_stack(StackName=self.name)
        if status := await self._settled():
            raise DeployFailed(f"the stack {self.name} is {status}: {await self._reasons()}")

    async def _parameters(self, body: str, given: Mapping[str, str]) -> list[dict[str, str | bool]]:
        declared, kept = template.parameters(body), await self._current_parameters()
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

    async def _current_parameters(self) -> set[str]:
        if await self._status() is None:
            return set()
        answer = await self._client.describe_stacks(StackName=self.name)
        return {each["ParameterKey"] for each in answer["Stacks"][0].get("Parameters", [])}

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
        status = await self._status()
        while status and status.endswith("_IN_PROGRESS"):  # CloudFormation can only be asked
            await asyncio.sleep(_POLL_S)
            status = await self._status()
        return status

    async def _status(self) -> str | None:
        try:
            answer = await self._client.describe_stacks(StackName=self.name)
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        status = str(answer["Stacks"][0]["StackStatus"])
        return None if status == "DELETE_COMPLETE" else status

    async def _reasons(self) -> str:
        answer = await self._client.describe_stack_events(StackName=self.name)
        failed = [event for event in answer["StackEvents"] if event["ResourceStatus"].endswith("_FAILED")]
        return "; ".join(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '?')}" for event in failed)
