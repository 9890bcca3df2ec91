"""The pipelines that are compared: each has an environment of its own, and a command for each service."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from stack.home import ROOT
from stack.part import Part

Service = Literal["gateway", "service_b", "service_c"]


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """One of them. Its services take the same settings as ours, and `settings` besides.

    `{port}` in a command is their page's port.
    """

    name: str
    environment: str
    gateway: str
    service_b: str
    service_c: str
    settings: Mapping[str, str] = field(default_factory=dict)

    def of(self, part: Part, service: Service, port: int) -> Part:
        """`part`, which is one of our services, with this pipeline's program in its place."""
        program, *arguments = getattr(self, service).format(port=port).split()
        command = (str(ROOT / self.environment / "bin" / program), *arguments)
        return replace(part, command=command, environment={**part.environment, **self.settings})


OURS = Pipeline(
    name="mensageria",
    environment=".venv",
    gateway="python -m gateway",
    service_b="faust -A streams.service_b worker -l info --web-port {port}",
    service_c="faust -A streams.service_c worker -l info --web-port {port}",
)
PLAIN = Pipeline(
    name="plain clients",
    environment=".venv-bench-plain",
    gateway="python -m bench.references.plain.gateway",
    service_b="python -m bench.references.plain.service_b {port}",
    service_c="python -m bench.references.plain.service_c {port}",
)
FASTSTREAM = Pipeline(
    name="FastStream",
    environment=".venv-bench-faststream",
    gateway="python -m bench.references.faststream.gateway",
    service_b="python -m bench.references.faststream.service_b {port}",
    service_c="python -m bench.references.faststream.service_c {port}",
)
NAIVE = Pipeline(
    name="naive",
    environment=".venv-bench-naive",
    gateway="python -m bench.references.naive.gateway",
    service_b="faust -A bench.references.naive.service_b worker -l info --web-port {port}",
    service_c="faust -A bench.references.naive.service_c worker -l info --web-port {port}",
)
ALL = {each.name: each for each in (OURS, PLAIN, FASTSTREAM, NAIVE)}
AGAINST_NAIVE = {name: NAIVE.name for name in ALL if name != NAIVE.name}
"""Each of the others, with the one that it is compared with."""
