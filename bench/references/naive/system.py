"""`python -m bench.references.naive.system`: the servers of `make run` with the naive services, until a signal."""

import asyncio
import os
import sys

from bench.pipelines import NAIVE
from pipeline.core.settings import read
from pipeline.core.settings.stack import StackSettings
from stack import services, system
from stack.home import Home
from stack.ports import Ports
from stack.run import run
from stack.supervisor import Supervisor


async def start(supervisor: Supervisor, settings: StackSettings, home: Home, ports: Ports) -> dict[str, str]:
    """Start the servers, then the services; returns the addresses, as endpoints.json has them."""
    outputs = await system.start_servers(supervisor, settings, home, ports)
    await supervisor.start(
        NAIVE.of(services.gateway(home, ports, outputs), "gateway", ports.gateway),
        NAIVE.of(services.service_b(home, ports, outputs), "service_b", ports.service_b),
        NAIVE.of(services.service_c(home, ports, outputs), "service_c", ports.service_c),
    )
    return system.endpoints(settings, home, ports, outputs)


def main() -> int:
    """The exit code."""
    os.umask(0o077)  # for all that it starts
    settings = read(StackSettings)
    return asyncio.run(run(settings, Home(settings.home.resolve()), start))


if __name__ == "__main__":
    sys.exit(main())
