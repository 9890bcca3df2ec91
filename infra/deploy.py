"""Deploys the template: the query's archive to S3, then the CloudFormation stack; the emulator and AWS alike."""

import asyncio
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra import template
from pipeline.aws import Endpoint, client
from pipeline.errors import MensageriaError

STACK = "mensageria"
_POLL_S = 0.2
_DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


class DeployFailed(MensageriaError):
    """The stack could not be brought to what the template says; the text has CloudFormation's reasons."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What is deployed where. `endpoint` is None on AWS; `bucket` holds the archive and is made if missing."""

    archive: Path
    bucket: str
    parameters: dict[str, str]
    endpoint: Endpoint | None = None
    stack: str = STACK


async def deploy(deployment: Deployment, *, deadline_s: float = 600) -> dict[str, str]:
    """Bring the stack to what the template says, and return its outputs by name. Safe to repeat.

    Raises DeployFailed with CloudFormation's reasons, and TimeoutError after `deadline_s`.
    """
    async with asyncio.timeout(deadline_s):
        key = await _upload(deployment)
        runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
        parameters = deployment.parameters | {"CodeBucket": deployment.bucket, "CodeKey": key, "QueryRuntime": runtime}
        async with client("cloudformation", deployment.endpoint) as cloudformation:
            await _apply(cloudformation, deployment.stack, parameters)
            return await _outputs(cloudformation, deployment.stack)


async def set_cors(endpoint: Endpoint | None, api_id: str, parameters: dict[str, str]) -> None:
    """What the emulator's CloudFormation leaves out: it keeps the CORS configuration where it is never read."""
    async with client("apigatewayv2", endpoint) as api:
        await api.update_api(ApiId=api_id, CorsConfiguration=template.cors(parameters))


async def _upload(deployment: Deployment) -> str:
    """Put the archive into the bucket; its key has its hash in it, so that new code changes the stack."""
    body = deployment.archive.read_bytes()
    key = f"lambda_query/{hashlib.sha256(body).hexdigest()}.zip"
    async with client("s3", deployment.endpoint) as s3:
        await _make_bucket(s3, deployment.bucket)
        await s3.put_object(Bucket=deployment.bucket, Key=key, Body=body)
    return key


async def _make_bucket(s3: Any, bucket: str) -> None:
    try:
        await s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
        region = s3.meta.region_name
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        await s3.create_bucket(Bucket=bucket, **place)


async def _apply(cloudformation: Any, stack: str, parameters: dict[str, str]) -> None:
    wanted = {
        "StackName": stack,
        "TemplateBody": template.FILE.read_text(),
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM"],
    }
    if await _status(cloudformation, stack) == "ROLLBACK_COMPLETE":  # never came up: it can only be deleted
        await cloudformation.delete_stack(StackName=stack)
        await _settled(cloudformation, stack)
    if await _status(cloudformation, stack) is None:
        await cloudformation.create_stack(**wanted)
    elif not await _update(cloudformation, wanted):
        return
    if (status := await _settled(cloudformation, stack)) not in _DONE:
        raise DeployFailed(f"the stack {stack} is {status}: {await _reasons(cloudformation, stack)}")


async def _update(cloudformation: Any, wanted: dict[str, Any]) -> bool:
    """Start an update; whether there is something to update."""
    try:
        await cloudformation.update_stack(**wanted)
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return False
        raise
    return True


async def _settled(cloudformation: Any, stack: str) -> str | None:
    """The stack's status once nothing is in progress; None where it is gone."""
    status = await _status(cloudformation, stack)
    while status and status.endswith("_IN_PROGRESS"):  # CloudFormation can only be asked
        await asyncio.sleep(_POLL_S)
        status = await _status(cloudformation, stack)
    return status


async def _status(cloudformation: Any, stack: str) -> str | None:
    try:
        answer = await cloudformation.describe_stacks(StackName=stack)
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    status = str(answer["Stacks"][0]["StackStatus"])
    return None if status == "DELETE_COMPLETE" else status


async def _outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    answer = await cloudformation.describe_stacks(StackName=stack)
    return {output["OutputKey"]: output["OutputValue"] for output in answer["Stacks"][0]["Outputs"]}


async def _reasons(cloudformation: Any, stack: str) -> str:
    answer = await cloudformation.describe_stack_events(StackName=stack)
    failed = [event for event in answer["StackEvents"] if event["ResourceStatus"].endswith("_FAILED")]
    return "; ".join(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '?')}" for event in failed)
