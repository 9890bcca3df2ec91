"""An environment: a file of infra/environments, what it deploys, and whether this account is the one it means."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import template
from infra.cloudformation import DeployFailed, is_of_aws
from pipeline.clients.aws import Endpoint, client

DATA, SETUP, PROXY, PIPELINE, SERVICES = "data", "setup", "proxy", "pipeline", "services"
TEMPLATES = {
    DATA: "data.yaml",
    SETUP: "setup.yaml",
    PROXY: "proxy.yaml",
    PIPELINE: "template.yaml",
    SERVICES: "services.yaml",
}
"""The template of each stack, by its name in an environment's file; each comes after those whose outputs it takes."""

_FOLDER = Path(__file__).parent
_NAME = re.compile(r"[a-z][a-z0-9]{0,15}(-[a-z][a-z0-9]{0,15})?")


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What is deployed, and where: the stacks with the parameters that no other stack answers."""

    name: str
    code_bucket: str
    stacks: Mapping[str, Mapping[str, str]]
    account: str = ""
    region: str = ""
    protect: bool = False

    @property
    def is_local(self) -> bool:
        """Whether it is for an emulator."""
        return self.stacks.get(PIPELINE, {}).get("Target") == "local"

    @property
    def prefix(self) -> str:
        """What the names of its resources begin with."""
        return "" if self.is_local else f"{self.name}-"

    def stack_name(self, stack: str) -> str:
        """The name of its stack in CloudFormation."""
        return "mensageria" if self.is_local else f"{self.prefix}mensageria-{stack}"

    def body(self, stack: str) -> str:
        """The template of its stack."""
        return (_FOLDER / TEMPLATES[stack]).read_text()


def read(name: str) -> Environment:
    """The environment of `infra/environments/NAME.toml`. Raises DeployFailed where it won't do."""
    file = _FOLDER / "environments" / f"{name}.toml"
    if not _NAME.fullmatch(name) or not file.is_file():
        known = ", ".join(sorted(each.stem for each in file.parent.glob("*.toml")))
        raise DeployFailed(
            f"unknown environment {name!r}; expected one of {known}, or copy example.toml to {name}.toml"
        )
    told = tomllib.loads(file.read_text())
    own: dict[str, Any] = {key: told.pop(key) for key in ("code_bucket", "account", "region", "protect") if key in told}
    if "code_bucket" not in own or set(told) - set(TEMPLATES):
        raise DeployFailed(f"{file.name} needs a code_bucket and tables of {', '.join(TEMPLATES)} alone")
    stacks = {stack: {key: str(value) for key, value in told[stack].items()} for stack in TEMPLATES if stack in told}
    found = Environment(name=name, stacks=stacks, **own)
    for stack, parameters in stacks.items():
        if unknown := sorted(set(parameters) - set(template.parameters(found.body(stack)).all)):
            raise DeployFailed(f"{file.name}: {TEMPLATES[stack]} has no parameter {', '.join(unknown)}")
    if not found.is_local and not (found.account and found.region):
        raise DeployFailed(f"{file.name} needs account and region: nothing is deployed to another")
    return found


async def require_target(wanted: Environment, cloudformation: Any, endpoint: Endpoint | None = None) -> str:
    """Who is asked, in words. Raises DeployFailed where that is not the account and the region that `wanted` names.

    What is meant for an emulator (its query lets in everyone) is refused by AWS' own endpoints.
    """
    if wanted.is_local:
        if is_of_aws(cloudformation):
            raise DeployFailed(f"{wanted.name} is for an emulator, and this is AWS: set AWS_ENDPOINT_URL")
        return f"the emulator at {cloudformation.meta.endpoint_url}"
    region = cloudformation.meta.region_name
    async with client("sts", endpoint) as sts:
        account = (await sts.get_caller_identity())["Account"]
    if (account, region) != (wanted.account, wanted.region):
        raise DeployFailed(
            f"{wanted.name} is of account {wanted.account} in {wanted.region},"
            f" and these credentials are of {account} in {region}"
        )
    return f"account {account} in {region}"
