"""`python -m infra.deploy ENV`: bring an environment's stacks to what the templates say; the emulator and AWS alike.

An environment is a file in infra/environments: an account and a region, a bucket for code, and a table for
each of its stacks with the parameters that no other stack answers. Endpoint and credentials are the SDK's
own. On AWS it shows what would change and asks; with --plan it only shows.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra import archive, environment, setup_task, template
from infra.cloudformation import DeployFailed, Plan, Stack
from infra.environment import DATA, PIPELINE, SETUP, Environment
from pipeline.clients.aws import Endpoint, client
from pipeline.core.errors import MensageriaError

_DEADLINE_S = 3 * 3600
"""For a stack: Amazon MSK takes half an hour to make a cluster, and an hour to roll a change over its brokers."""


@dataclass(frozen=True, kw_only=True)
class How:
    """How careful a deployment is; `tell` hears what is begun, and `confirm` what is about to be done."""

    tell: Callable[[str], object] = lambda _: None
    confirm: Callable[[Environment, str], object] = lambda _, __: None
    plan_only: bool = False
    replace: bool = False


async def deploy(wanted: Environment, endpoint: Endpoint | None = None, how: How | None = None) -> dict[str, str]:
    """Bring each stack to what its template says, and return the outputs of all. Safe to repeat.

    Raises DeployFailed with CloudFormation's reasons, where `wanted` is of another account, and where data
    would be lost; and TimeoutError after three hours of a stack.
    """
    async with client("cloudformation", endpoint, patient=True) as cloudformation:
        one = _Deployment(wanted, endpoint, cloudformation, how or How())
        return await one.run()


class _Deployment:
    def __init__(self, wanted: Environment, endpoint: Endpoint | None, cloudformation: Any, how: How) -> None:
        self._wanted = wanted
        self._endpoint = endpoint
        self._cloudformation = cloudformation
        self._how = how
        self._known: dict[str, str] = {}

    async def run(self) -> dict[str, str]:
        wanted = self._wanted
        target = await environment.require_target(wanted, self._cloudformation, self._endpoint)
        self._how.tell(f"{wanted.name}: {target}")
        for name in wanted.stacks:
            async with asyncio.timeout(_DEADLINE_S):
                await self._bring(name)
        if wanted.is_local and not self._how.plan_only:
            await _set_cors(self._endpoint, self._known["ApiId"], wanted.stacks[PIPELINE])
        return self._known

    async def _bring(self, name: str) -> None:
        stack, body = Stack(self._cloudformation, self._wanted.stack_name(name)), self._wanted.body(name)
        code = archive.location(self._wanted.code_bucket) if name == PIPELINE else {}
        given = {**self._known, **self._common(body), **code, **self._wanted.stacks[name]}
        if self._how.plan_only:
            await self._show(stack, body, given)
        else:
            self._how.tell(f"deploying {stack.name}")
            if code:
                await archive.upload(self._wanted.code_bucket, self._endpoint)
            await self._apply(stack, body, given)
        self._known |= await stack.outputs()
        self._known |= await _kafka_addresses(self._known)
        if name == SETUP and not self._how.plan_only:
            self._how.tell("running the setup task")
            await setup_task.run(self._known, self._endpoint)

    def _common(self, body: str) -> dict[str, str]:
        """What every template that has it is told."""
        common = {"Prefix": self._wanted.prefix, "Protect": str(self._wanted.protect).lower()}
        return {name: value for name, value in common.items() if name in template.parameters(body).all}

    async def _show(self, stack: Stack, body: str, given: Mapping[str, str]) -> None:
        if await stack.never_came_up():
            self._how.tell(f"{stack.name}: its creation failed; it would be deleted and created")
        elif missing := await stack.missing(body, given):
            self._how.tell(f"{stack.name}: can be planned once {', '.join(missing)} are known")
        elif plan := await stack.plan(body, given):
            self._tell_of(stack, plan)
            await stack.drop(plan)
        else:
            self._how.tell(f"{stack.name}: nothing would change")

    async def _apply(self, stack: Stack, body: str, given: Mapping[str, str]) -> None:
        if await stack.never_came_up():
            self._how.tell(f"{stack.name}: its creation failed before, deleting it")
            await stack.remove()
        plan = await stack.plan(body, given)
        if plan:
            try:
                self._require_leave(stack, plan)
            except BaseException:
                await stack.drop(plan)
                raise
            await stack.execute(plan)
        if not self._wanted.is_local:
            await stack.protect(self._wanted.protect)

    def _require_leave(self, stack: Stack, plan: Plan) -> None:
        if not self._wanted.is_local:
            self._tell_of(stack, plan)
        if (lost := [change.name for change in plan.changes if change.loses_data]) and not self._how.replace:
            raise DeployFailed(
                f"{stack.name}: data would be lost with {', '.join(lost)};"
                " keep them as they are, or say so by REPLACE=1 (--replace)"
            )
        self._how.confirm(self._wanted, stack.name)

    def _tell_of(self, stack: Stack, plan: Plan) -> None:
        self._how.tell(f"{stack.name}: {'is new' if plan.is_create else 'changes'}")
        for change in plan.changes:
            self._how.tell(f"  {change}{', HOLDS DATA' if change.loses_data else ''}")


async def remove(
    wanted: Environment, endpoint: Endpoint | None = None, how: How | None = None, *, with_data: bool = False
) -> None:
    """Remove the stacks, the last one first, and tell what stays: what their templates retain, and `data`.

    The stack `data` holds the network that Kafka is in: it goes only `with_data`. Raises DeployFailed.
    """
    how = how or How()
    async with client("cloudformation", endpoint, patient=True) as cloudformation:
        how.tell(f"{wanted.name}: {await environment.require_target(wanted, cloudformation, endpoint)}")
        for name in reversed(list(wanted.stacks)):
            stack = wanted.stack_name(name)
            if name == DATA and not with_data:
                how.tell(f"{stack} stays, with Kafka and the database in it: DATA=1 removes it too")
                continue
            how.confirm(wanted, stack)
            how.tell(f"removing {stack}")
            async with asyncio.timeout(_DEADLINE_S):
                for kept in await Stack(cloudformation, stack).remove():
                    how.tell(f"  stays: {kept}")


async def _kafka_addresses(known: Mapping[str, str]) -> dict[str, str]:
    """Where the brokers are: CloudFormation doesn't tell."""
    if "KafkaArn" not in known or "KafkaBootstrapServers" in known:
        return {}
    async with client("kafka") as kafka:
        answer = await kafka.get_bootstrap_brokers(ClusterArn=known["KafkaArn"])
    return {
        "KafkaBootstrapServers": answer["BootstrapBrokerStringSaslScram"],
        "KafkaIamBootstrapServers": answer["BootstrapBrokerStringSaslIam"],
    }


async def _set_cors(endpoint: Endpoint | None, api_id: str, parameters: Mapping[str, str]) -> None:
    """What the emulator's CloudFormation leaves out: it keeps the CORS configuration where it is never read."""
    if "WebOrigin" not in parameters:
        return
    async with client("apigatewayv2", endpoint) as api:
        await api.update_api(ApiId=api_id, CorsConfiguration=template.cors(parameters))


def _tell(what: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {what}\n")


def _ask(wanted: Environment, stack: str) -> None:
    """Raises DeployFailed unless a person says yes; an emulator is not asked about."""
    if wanted.is_local:
        return
    if not sys.stdin.isatty():
        raise DeployFailed(f"{stack}: it asks before it acts: run it in a terminal, or with YES=1 (--yes)")
    sys.stderr.write(f"Type {wanted.name} to go on with {stack}: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != wanted.name:
        raise DeployFailed(f"{stack}: left as it is")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description="Deploys an environment's stacks.")
    parser.add_argument("environment", help="the name of a file in infra/environments, without .toml")
    parser.add_argument("--yes", action="store_true", help="don't ask")
    parser.add_argument("--replace", action="store_true", help="also where a resource that holds data is lost")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--plan", action="store_true", help="only show what would change")
    what.add_argument("--remove", action="store_true", help="remove the stacks; what holds data stays")
    parser.add_argument("--data", action="store_true", help="with --remove: the network, Kafka and the database too")
    return parser.parse_args()


def main() -> None:
    """Deploy or remove, and end; on success the outputs are on stdout, as NAME=VALUE lines."""
    arguments = _arguments()
    confirm = How.confirm if arguments.yes else _ask
    how = How(tell=_tell, confirm=confirm, plan_only=arguments.plan, replace=arguments.replace)
    outputs: dict[str, str] = {}
    try:
        wanted = environment.read(arguments.environment)
        if arguments.remove:
            asyncio.run(remove(wanted, how=how, with_data=arguments.data))
        else:
            outputs = asyncio.run(deploy(wanted, how=how))
    except (MensageriaError, TimeoutError, ClientError, BotoCoreError) as error:
        sys.exit(f"deploy: {error or 'a stack took over three hours'}")
    _tell("done")
    sys.stdout.writelines(f"{name}={value}\n" for name, value in sorted(outputs.items()))


if __name__ == "__main__":
    main()
