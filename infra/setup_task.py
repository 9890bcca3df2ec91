"""Runs the task of infra/setup.yaml, and waits for its end."""

import asyncio
from collections.abc import Mapping
from typing import Any

from infra.cloudformation import DeployFailed
from pipeline.clients.aws import Endpoint, client

_POLL_S = 2.0


async def run(outputs: Mapping[str, str], endpoint: Endpoint | None = None) -> None:
    """Run it in the network of the stacks' `outputs`. Raises DeployFailed unless each of its containers ended well."""
    network = {
        "subnets": outputs["PrivateSubnets"].split(","),
        "securityGroups": [outputs["SetupGroup"]],
        "assignPublicIp": "DISABLED",
    }
    cluster = outputs["Cluster"]
    async with client("ecs", endpoint, patient=True) as ecs:
        answer = await ecs.run_task(
            cluster=cluster,
            taskDefinition=outputs["SetupTask"],
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
        )
        if not answer["tasks"]:
            reasons = "; ".join(failure.get("reason", "?") for failure in answer["failures"])
            raise DeployFailed(f"the setup task can't be run: {reasons}")
        task = answer["tasks"][0]
        while task["lastStatus"] != "STOPPED":  # ECS can only be asked
            await asyncio.sleep(_POLL_S)
            told = await ecs.describe_tasks(cluster=cluster, tasks=[task["taskArn"]])
            task = told["tasks"][0]
    require_success(task, outputs["SetupLogGroup"])


def require_success(task: Mapping[str, Any], log_group: str) -> None:
    """Raises DeployFailed unless each container of the stopped `task` ended with 0: one that never began did not."""
    ends = {each["name"]: each.get("exitCode") for each in task["containers"]}
    if any(code != 0 for code in ends.values()):
        raise DeployFailed(
            f"the setup task failed ({task.get('stoppedReason', '?')}; exit codes {ends}):"
            f" `aws logs tail {log_group}` says why"
        )
