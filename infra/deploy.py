"""`python -m infra.deploy ENV`: bring an environment's stacks to what the templates say; the emulator and AWS alike.

An environment is a file in infra/environments: a bucket for code, and a table for each of its stacks
with the parameters that no other stack answers. Endpoint, region and credentials are the SDK's own.
"""

import argparse
import asyncio
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from infra import archive, template
from infra.cloudformation import DeployFailed, Stack
from pipeline.aws import Endpoint, client
from pipeline.errors import MensageriaError

PIPELINE = "pipeline"
STACKS = {"data": "mensageria-data", PIPELINE: "mensageria", "services": "mensageria-services"}
"""The stacks by their names in an environment's file, each after those whose outputs it takes."""

TEMPLATES = {"data": "data.yaml", PIPELINE: "template.yaml", "services": "services.yaml"}
_FOLDER = Path(__file__).parent
_DEADLINE_S = 3600
"""Amazon MSK takes half an hour to make a cluster."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What is deployed: the bucket of the query's archive, and the parameters of each stack."""

    code_bucket: str
    stacks: Mapping[str, Mapping[str, str]]


def environment(name: str) -> Environment:
    """The environment of `infra/environments/NAME.toml`. Raises DeployFailed where it won't do."""
    file = _FOLDER / "environments" / f"{name}.toml"
    if not file.is_file():
        known = ", ".join(sorted(each.stem for each in file.parent.glob("*.toml")))
        raise DeployFailed(f"no environment {name!r}: there are {known}; copy example.toml to {name}.toml for another")
    told = tomllib.loads(file.read_text())
    bucket = told.pop("code_bucket", "")
    if not bucket or set(told) - set(STACKS):
        raise DeployFailed(f"{file.name} needs a code_bucket and tables of {', '.join(STACKS)} alone")
    return Environment(code_bucket=bucket, stacks={name: told[name] for name in STACKS if name in told})


async def deploy(
    wanted: Environment, endpoint: Endpoint | None = None, tell: Callable[[str], object] = lambda _: None
) -> dict[str, str]:
    """Bring each stack to what its template says, and return the outputs of all. Safe to repeat.

    `tell` hears what is begun.

    Raises DeployFailed with CloudFormation's reasons, and TimeoutError after an hour.
    """
    known: dict[str, str] = {}
    async with asyncio.timeout(_DEADLINE_S), client("cloudformation", endpoint) as cloudformation:
        for name, own in wanted.stacks.items():
            tell(f"deploying {STACKS[name]}")
            code = await archive.upload(wanted.code_bucket, endpoint) if name == PIPELINE else {}
            stack = Stack(cloudformation, STACKS[name])
            await stack.apply((_FOLDER / TEMPLATES[name]).read_text(), {**known, **code, **own})
            known |= await stack.outputs()
            known |= await _kafka_address(known)
    if "ApiId" in known and wanted.stacks[PIPELINE].get("Target") == "local":
        await _set_cors(endpoint, known["ApiId"], wanted.stacks[PIPELINE])
    return known


async def remove(
    wanted: Environment, endpoint: Endpoint | None = None, tell: Callable[[str], object] = lambda _: None
) -> None:
    """Remove the stacks, the last one first, but for what their templates retain: the data.

    `tell` hears what is begun.
    """
    async with asyncio.timeout(_DEADLINE_S), client("cloudformation", endpoint) as cloudformation:
        for name in reversed(list(wanted.stacks)):
            tell(f"removing {STACKS[name]}")
            await Stack(cloudformation, STACKS[name]).remove()


async def _kafka_address(known: Mapping[str, str]) -> dict[str, str]:
    """Where the brokers are: CloudFormation doesn't tell."""
    if "KafkaArn" not in known or "KafkaBootstrapServers" in known:
        return {}
    async with client("kafka") as kafka:
        answer = await kafka.get_bootstrap_brokers(ClusterArn=known["KafkaArn"])
    return {"KafkaBootstrapServers": answer["BootstrapBrokerStringSaslScram"]}


async def _set_cors(endpoint: Endpoint | None, api_id: str, parameters: Mapping[str, str]) -> None:
    """What the emulator's CloudFormation leaves out: it keeps the CORS configuration where it is never read."""
    if "WebOrigin" not in parameters:
        return
    async with client("apigatewayv2", endpoint) as api:
        await api.update_api(ApiId=api_id, CorsConfiguration=template.cors(parameters))


def _tell(what: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {what}\n")


def main() -> None:
    """Deploy or remove, and end; on success the outputs are on stdout, as NAME=VALUE lines."""
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description="Deploys an environment's stacks.")
    parser.add_argument("environment", help="the name of a file in infra/environments, without .toml")
    parser.add_argument("--remove", action="store_true", help="remove the stacks; what holds data stays")
    arguments = parser.parse_args()
    try:
        wanted = environment(arguments.environment)
        if arguments.remove:
            asyncio.run(remove(wanted, tell=_tell))
            outputs = {}
        else:
            outputs = asyncio.run(deploy(wanted, tell=_tell))
    except (MensageriaError, TimeoutError, ClientError, BotoCoreError) as error:
        sys.exit(f"deploy: {error or 'it took over an hour'}")
    _tell("done")
    sys.stdout.writelines(f"{name}={value}\n" for name, value in sorted(outputs.items()))


if __name__ == "__main__":
    main()
