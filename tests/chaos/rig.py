"""A whole system with a proxy on every connection between a service and a server.

It is what `make run` starts, less the pages, with DynamoDB on disk and with data folders
that can be filled. The checker and the tools reach the servers past the proxies.
"""

import dataclasses
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.clients.aws import Endpoint, client
from pipeline.core.settings.stack import StackSettings
from stack import aws, dynamodb, kafka, ports, postgres, services, system
from stack.home import ROOT, Home
from stack.part import Part
from stack.ports import HOST, Ports
from stack.supervisor import Supervisor
from tests.chaos import clock
from tests.chaos.disk import Disk, disk
from tests.support.processes import family
from tests.support.proxies.aws import AwsProxy
from tests.support.proxies.wire import KafkaProxy, WireProxy

Proxy = WireProxy | AwsProxy
AWS_LINKS = ("gateway-sns", "service-b-sqs", "service-c-sqs", "service-c-sns", "service-c-dynamodb")
WIRE_LINKS = ("gateway-kafka", "service-b-postgres", "service-c-kafka")
BROKERS = {"sns": ("gateway-sns", "service-c-sns"), "kafka": ("gateway-kafka", "service-c-kafka")}
"""The links of each broker that events are published to: all of them break where it is out."""
SERVICES = ("gateway", "service-b", "service-c")
DISKS = ("postgres", "dynamodb")
VISIBILITY_TIMEOUT_S = 6
"""What a killed worker had received comes again that soon: the rest after each run waits for it."""


@dataclass(frozen=True)
class Rig:
    """The system: `links` are its proxies, `disks` the data folders that can be filled."""

    home: Home
    endpoints: dict[str, str]
    links: Mapping[str, Proxy]
    disks: Mapping[str, Disk]
    emulator: Endpoint
    """That of the AWS emulator, past the proxies."""
    sqs: Any
    dynamodb: Any
    """Clients past the proxies."""
    parts: dict[str, Part]
    """The services, as they are started between the proxies."""
    said: list[str]
    """What the supervisor said: what ended, and what was started again."""

    def pid(self, part: str) -> int:
        """The main process of `part` now."""
        return int(self.home.pid(part).read_text())

    def processes(self, part: str) -> list[int]:
        """The processes of `part`, its main one first."""
        return family(self.pid(part))

    def url(self, service: str) -> str:
        """The base URL of the pages of a service."""
        return self.endpoints[service.replace("-", "_")]

    def tree(self, service: str) -> Path:
        """The link to the source tree that the next start of `service` runs."""
        return self.home.folder("trees") / service

    def clock(self, service: str) -> Path:
        """The file that sets the clock of `service`."""
        return self.home.folder("clocks") / service


@asynccontextmanager
async def rig(folder: Path) -> AsyncIterator[Rig]:
    """The system, ready, with its home in `folder`; raises PartFailed (in a group) where a part can't be kept."""
    settings = StackSettings(home=folder, ports="free")
    home, chosen = Home(folder), ports.choose(settings)
    said: list[str] = []
    async with AsyncExitStack() as block:
        block.enter_context(home.held())
        disks = {name: block.enter_context(disk(home.folder(name))) for name in DISKS}
        supervisor = await block.enter_async_context(Supervisor(home, said.append))
        await supervisor.start(
            kafka.part(home, chosen, settings.kafka),
            postgres.part(home, chosen),
            dynamodb.part(home, chosen, aws.endpoint(home, chosen.dynamodb), "disk"),
            aws.part(home, chosen),
        )
        outputs = await aws.outputs(home, chosen)
        links = _links(home, chosen)
        for link in links.values():
            await block.enter_async_context(link.serving())
        endpoints = system.endpoints(settings, home, chosen, outputs)
        sqs = await block.enter_async_context(client("sqs", aws.endpoint(home, chosen.aws)))
        table = await block.enter_async_context(client("dynamodb", aws.endpoint(home, chosen.dynamodb)))
        one = Rig(home, endpoints, links, disks, aws.endpoint(home, chosen.aws), sqs, table, {}, said)
        for part in _services(one, chosen, outputs):
            one.parts[part.name] = _between_proxies(part, one)
        await supervisor.start(*one.parts.values())
        block.enter_context(home.published(endpoints))
        yield one


def _links(home: Home, chosen: Ports) -> dict[str, Proxy]:
    emulator, table = aws.endpoint(home, chosen.aws).endpoint_url, aws.endpoint(home, chosen.dynamodb).endpoint_url
    broker = services.kafka_address(chosen)
    return {
        "gateway-sns": AwsProxy(emulator),
        "gateway-kafka": KafkaProxy(broker),
        "service-b-sqs": AwsProxy(emulator),
        "service-b-postgres": WireProxy(HOST, chosen.postgres),
        "service-c-sqs": AwsProxy(emulator),
        "service-c-sns": AwsProxy(emulator),
        "service-c-kafka": KafkaProxy(broker),
        "service-c-dynamodb": AwsProxy(table),
    }


def _services(one: Rig, chosen: Ports, outputs: dict[str, str]) -> tuple[Part, ...]:
    gateway, b, c = (proxied(one, chosen, service) for service in SERVICES)
    return (
        services.gateway(one.home, gateway, outputs),
        services.service_b(one.home, b, outputs),
        services.service_c(one.home, c, outputs),
    )


def proxied(one: Rig, chosen: Ports, service: str) -> Ports:
    """The ports as `service` is told them: those of its proxies."""
    names = {"sns": "aws", "sqs": "aws", "kafka": "kafka", "postgres": "postgres", "dynamodb": "dynamodb"}
    own = {name.removeprefix(f"{service}-"): link.port for name, link in one.links.items() if name.startswith(service)}
    if "sqs" in own:
        own.pop("sns", None)  # service C's has a setting of its own
    changes: dict[str, Any] = {names[server]: port for server, port in own.items()}
    return dataclasses.replace(chosen, **changes)


def _between_proxies(part: Part, one: Rig) -> Part:
    """`part` in the tree that its link names, with a clock that can be set."""
    one.tree(part.name).symlink_to(ROOT)
    sns = (
        {"AWS_ENDPOINT_URL_SNS": f"http://{HOST}:{one.links['service-c-sns'].port}"} if part.name == "service-c" else {}
    )
    quick = {"MENSAGERIA_WORKER_VISIBILITY_TIMEOUT_S": str(VISIBILITY_TIMEOUT_S)} if part.name != "gateway" else {}
    return dataclasses.replace(
        part,
        command=("env", f"--chdir={one.tree(part.name)}", *part.command),
        environment=dict(part.environment) | quick | sns | clock.environment(one.clock(part.name)),
    )
