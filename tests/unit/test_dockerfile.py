"""docker/Dockerfile, as far as it can be held without an engine; hadolint reads it in `make check`."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from pipeline.core.settings.stack import StackSettings
from pipeline.serving.ready import is_ready
from tests.support import compose, dockerfile
from tests.support.edge import Edge
from tests.support.running_system import ROOT

SERVICES = ["gateway", "web", "service-b", "service-c"]
TARGETS = [*SERVICES, "tools", "layout", "migrations", "emulator", "dynamodb"]
"""What compose.yml builds."""


@pytest.mark.parametrize("target", [*TARGETS, "setup"])
def test_programs_are_no_root_and_get_their_signals(target: str) -> None:
    user = [value for stage in dockerfile.lineage(target) for value in stage.values("USER")][-1]
    assert user == "10001:10001"
    assert dockerfile.exec_form(target, "CMD")  # a shell would keep the signal for itself


@pytest.mark.parametrize("target", SERVICES)
def test_a_service_is_asked_on_its_own_port_whether_it_is_ready(target: str) -> None:
    port = str(getattr(StackSettings(), f"{target.replace('-', '_')}_port"))
    assert dockerfile.stages()[target].values("EXPOSE") == [port]
    assert dockerfile.exec_form(target, "HEALTHCHECK") == ("python", "-m", "pipeline.serving.ready", port)


def test_ready_is_what_readyz_says(edge: Edge) -> None:
    port = int(edge.url.rpartition(":")[2])
    edge.answer("/readyz", (200, {}))
    assert is_ready(port)
    edge.answer("/readyz", (503, {}))
    edge.answer("/healthz", (200, {}))
    assert not is_ready(port)
    assert is_ready(port, "/healthz")


def test_nothing_answers_is_not_ready(unused_tcp_port: int) -> None:
    assert not is_ready(unused_tcp_port)


def test_every_installation_is_held_to_hashes() -> None:
    runs = [value for stage in dockerfile.stages().values() for value in stage.values("RUN")]
    commands = [command for run in runs for command in run.split("&&") if "pip install" in command]
    assert len(commands) == 3
    assert all("--require-hashes" in command for command in commands)
    assert "npm ci " in "".join(runs)  # by the hashes of package-lock.json
    assert "npm install" not in "".join(runs)


def test_every_base_can_be_given_as_a_digest() -> None:
    stages = dockerfile.stages()
    bases = {stage.base for stage in stages.values() if stage.base not in stages}
    assert bases == {"${PYTHON}", "${LAMBDA}", "${DBMATE}", "${NODE}"}


def test_images_have_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nARG VERSION={version}\n" in dockerfile.FILE.read_text().partition("\nFROM ")[0]


@pytest.mark.parametrize("target", [*TARGETS, "setup", "query"])
def test_images_say_what_they_are(target: str) -> None:
    line = dockerfile.lineage(target)
    labels = " ".join(value for stage in line for value in stage.values("LABEL"))
    assert all(f"org.opencontainers.image.{name}=" in labels for name in ("title", "licenses", "version", "revision"))
    [labelled] = [stage for stage in line if stage.values("LABEL")]
    assert {"VERSION", "REVISION"} <= set(" ".join(labelled.values("ARG")).split())  # else they are empty there


def test_nothing_but_what_is_copied_is_sent_to_the_builder() -> None:
    ignored, *allowed = _lines(ROOT / ".dockerignore")
    assert ignored == "*"
    copied = {
        source
        for stage in dockerfile.stages().values()
        for origin, sources, _ in dockerfile.copies(stage)
        if not origin
        for source in sources
    }
    names = {line.removeprefix("!") for line in allowed if line.startswith("!")}
    assert {name for name in names if not name.endswith("*.lock")} == {
        name for name in copied if not name.endswith(".lock")
    }
    assert all((ROOT / source).exists() for source in copied)


def test_the_compose_file_builds_targets_that_exist() -> None:
    services = compose.load(
        dict.fromkeys(
            (
                "MENSAGERIA_GATEWAY_KEY",
                "MENSAGERIA_POSTGRES_PASSWORD",
                "MENSAGERIA_SERVICE_B_PASSWORD",
                "MENSAGERIA_QUERY_PASSWORD",
                "MENSAGERIA_CURSOR_KEY",
                "GRAFANA_ADMIN_PASSWORD",
            ),
            "x",
        )
    )["services"]
    assert {service["build"]["target"] for service in services.values() if "build" in service} == set(TARGETS)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_installations_work(tmp_path: Path) -> None:
    """The RUN instructions of the stages that install and pack, in a folder of their own."""
    app = tmp_path / "app"
    for stage in ("build", "archive", "emulator-packages"):
        for instruction, value in dockerfile.stages()[stage].instructions:
            if instruction == "COPY":
                *sources, destination = value.split()
                (app / destination).mkdir(parents=True, exist_ok=True)
                subprocess.run(
                    ["cp", "-rT" if (ROOT / sources[0]).is_dir() else "-r", ROOT / sources[0], app / destination],
                    check=True,
                )
            if instruction == "RUN":
                here = value.replace("/opt/", f"{tmp_path}/opt/").replace("/unpacked", f"{tmp_path}/unpacked")
                subprocess.run(["bash", "-ec", here], cwd=app, check=True)
    subprocess.run([app / ".venv" / "bin" / "faust", "--version"], check=True)
    subprocess.run([tmp_path / "opt" / "emulator" / "bin" / "python", "-c", "import ministack, uvicorn"], check=True)
    assert (tmp_path / "unpacked" / "lambda_query" / "handler.py").exists()


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
