"""compose.yml says what `make run` does: the same commands, settings and ports."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.settings import read
from pipeline.core.settings.gateway import GatewaySettings
from pipeline.core.settings.infra import DatabaseRolesSettings, LayoutSettings
from pipeline.core.settings.stack import StackSettings
from pipeline.core.settings.web import WebSettings
from pipeline.core.settings.workers import ServiceBSettings, ServiceCSettings
from stack import aws, dynamodb, kafka, postgres, prometheus, services
from stack.home import Home
from stack.part import Part
from stack.ports import Ports
from tests.containers import documented
from tests.support import compose, dockerfile
from tests.support.running_system import ROOT

VARIABLES = {
    "MENSAGERIA_GATEWAY_KEY": "mens_k",
    "MENSAGERIA_POSTGRES_PASSWORD": "p",
    "MENSAGERIA_SERVICE_B_PASSWORD": "b",
    "MENSAGERIA_QUERY_PASSWORD": "q",
    "MENSAGERIA_CURSOR_KEY": "c" * 43,
    "GRAFANA_ADMIN_PASSWORD": "g",
}
QUEUES = "http://127.0.0.1:4566/000000000000/events"
OUTPUTS = {
    "TopicArn": "arn:aws:sns:us-east-1:000000000000:events",
    "QueueBUrl": f"{QUEUES}-b",
    "QueueCUrl": f"{QUEUES}-c",
    "PendingQueueUrl": f"{QUEUES}-pending",
    "DeadLetterBUrl": f"{QUEUES}-b-dead-letters",
    "DeadLetterCUrl": f"{QUEUES}-c-dead-letters",
    "TableName": "events",
}
OWN = {"gateway": GatewaySettings, "web": WebSettings, "service-b": ServiceBSettings, "service-c": ServiceCSettings}
OF_CONTAINERS = {
    # Each listens on its container's address, so the gateway asks for a key and web trusts what stands before it.
    "gateway": {"MENSAGERIA_GATEWAY_HOST", "MENSAGERIA_GATEWAY_KEYS_FILE"},
    "web": {"MENSAGERIA_WEB_HOST", "MENSAGERIA_WEB_GUARD", "MENSAGERIA_GATEWAY_KEY", "MENSAGERIA_TRACE_URL"},
    "service-b": {"MENSAGERIA_WORKER_WEB_HOST"},
    "service-c": {"MENSAGERIA_WORKER_WEB_HOST"},
}
OF_MAKE_RUN = {
    # In containers these are the defaults, or the image's.
    "gateway": {"MENSAGERIA_GATEWAY_PORT"},
    "web": {"MENSAGERIA_WEB_PORT"},
    "service-b": {"MENSAGERIA_WORKER_DATA_DIR"},
    "service-c": {"MENSAGERIA_WORKER_DATA_DIR", "MENSAGERIA_WORKER_INSTANCE"},  # one name could not be scaled
}
MADE_BY_MAKE_SECRETS = "./.gateway-keys"
PUBLISHED = {"gateway", "web", "aws", "prometheus", "grafana", "jaeger"}
PORT_VARIABLES = {name: f"MENSAGERIA_{name.upper()}_PORT" for name in sorted(PUBLISHED)}
_OWN_VOLUMES = {"/tmp"}
IMAGE_VOLUMES = {
    **dict.fromkeys(("gateway", "web", "service-b", "service-c", "layout", "database-roles", "tools"), _OWN_VOLUMES),
    "kafka": {"/etc/kafka/secrets", "/mnt/shared/config", "/var/lib/kafka/data"},
    "postgres": {"/var/lib/postgresql"},
    "prometheus": {"/prometheus"},
    "grafana": {"/var/lib/grafana"},
    "jaeger": {"/tmp"},
}
"""What each image declares as VOLUME."""


@pytest.fixture(scope="module")
def file() -> dict[str, Any]:
    return compose.load(VARIABLES)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Part]:
    """What `make run` starts, on its default ports."""
    home, settings = Home(tmp_path_factory.mktemp("home")), StackSettings()
    (home.folder("secrets") / "postgres-service-b").write_text(VARIABLES["MENSAGERIA_SERVICE_B_PASSWORD"])
    # In containers it is their network that keeps others from the emulator.
    (home.folder("secrets") / "aws-access-key").write_text("test")
    ports = _default_ports()
    made = (
        kafka.part(home, ports, settings.kafka),
        postgres.part(home, ports),
        dynamodb.part(home, ports, aws.endpoint(home, ports.dynamodb), settings.dynamodb),
        aws.part(home, ports),
        services.gateway(home, ports, OUTPUTS),
        services.web(home, ports, OUTPUTS),
        services.service_b(home, ports, OUTPUTS),
        services.service_c(home, ports, OUTPUTS),
    )
    return {part.name: part for part in made}


def _default_ports() -> Ports:
    settings = StackSettings()
    names = [name for name in Ports.__dataclass_fields__ if not name.startswith("jaeger")]  # no part, but a container
    return Ports(**{name: getattr(settings, f"{name}_port") for name in names})


def _on_this_machine(text: str, file: dict[str, Any]) -> str:
    return re.sub(rf"\b(?:{'|'.join(file['services'])}):(?=\d)", "127.0.0.1:", text)


def test_every_part_of_make_run_is_a_service(file: dict[str, Any], parts: dict[str, Part]) -> None:
    core = {name for name, service in file["services"].items() if service["profiles"] == ["core"]}
    assert core == set(parts) | {"layout", "migrate", "database-roles"}


@pytest.mark.parametrize("name", OWN)
def test_a_services_command_is_that_of_make_run(file: dict[str, Any], parts: dict[str, Part], name: str) -> None:
    program, *arguments = parts[name].command
    assert file["services"][name]["command"] == [Path(program).name, *arguments]
    assert dockerfile.exec_form(name, "CMD") == tuple(file["services"][name]["command"])


@pytest.mark.parametrize("name", OWN)
def test_a_services_settings_are_those_of_make_run(file: dict[str, Any], parts: dict[str, Part], name: str) -> None:
    ours = {
        key: _on_this_machine(value, file)
        for key, value in file["services"][name]["environment"].items()
        if not key.startswith("OTEL_")
    }
    theirs = {key: value for key, value in parts[name].environment.items() if key.startswith(("MENSAGERIA_", "AWS_"))}
    assert ours.keys() - theirs.keys() == OF_CONTAINERS[name]
    assert theirs.keys() - ours.keys() == OF_MAKE_RUN[name]
    shared = ours.keys() & theirs.keys()
    assert {key: ours[key] for key in shared} == {key: theirs[key] for key in shared}


@pytest.mark.parametrize(
    ("name", "kind"), [*OWN.items(), ("layout", LayoutSettings), ("database-roles", DatabaseRolesSettings)]
)
def test_each_can_read_its_settings(file: dict[str, Any], name: str, kind: type[Any]) -> None:
    read(kind, file["services"][name]["environment"])


def test_kafka_has_the_settings_of_make_run(file: dict[str, Any], tmp_path: Path) -> None:
    lines = kafka.properties(Home(tmp_path), _default_ports()).splitlines()
    theirs = dict(line.split("=", 1) for line in lines)
    ours = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in file["services"]["kafka"]["environment"].items()
        if name != "KAFKA_HEAP_OPTS"
    }
    assert ours.keys() == theirs.keys()
    differing = {name for name in ours if ours[name] != theirs[name]}
    assert differing == {"advertised.listeners", "listeners", "controller.quorum.voters", "log.dirs"}
    assert ours["advertised.listeners"] == "PLAINTEXT://kafka:9092"


def test_postgres_is_made_and_run_as_by_make_run(file: dict[str, Any], parts: dict[str, Part]) -> None:
    service = file["services"]["postgres"]
    assert service["environment"]["POSTGRES_INITDB_ARGS"].split() == list(postgres.INITDB_OPTIONS)
    program, *options = service["command"]
    assert program == "postgres"
    assert set(options) < set(parts["postgres"].command)
    assert (
        file["services"]["migrate"]["command"]
        == list(postgres.MIGRATE)
        == list(dockerfile.exec_form("migrations", "CMD"))
    )


def test_dynamodb_is_run_as_by_make_run(file: dict[str, Any], parts: dict[str, Part]) -> None:
    (program, *ours), (theirs_program, *theirs) = file["services"]["dynamodb"]["command"], parts["dynamodb"].command
    assert program == Path(theirs_program).name == "node"
    assert ours[-2:] == ["--name", "dynamodb"]
    assert ("node", *ours[:-2]) == dockerfile.exec_form("dynamodb", "CMD")
    assert ours[0] == theirs[0]
    ours_set, theirs_set = (dict(zip(words[1::2], words[2::2], strict=True)) for words in (ours[:-2], theirs))
    assert ours_set.keys() == theirs_set.keys()
    assert ours_set["--port"] == theirs_set["--port"]


def test_the_emulator_is_run_as_by_make_run(file: dict[str, Any], parts: dict[str, Part]) -> None:
    service = file["services"]["aws"]
    *theirs, key_option, _ = parts["aws"].command[1:]
    assert key_option == "--access-key-file"
    host = theirs.index("--host") + 1
    ours = service["command"][1:]
    assert (*theirs[:host], "0.0.0.0", *theirs[host + 1 :], "--name", "aws", "--query-port", "4568") == tuple(ours)
    differing = {"MINISTACK_HOST", "STATE_DIR", "S3_DATA_DIR", "TMPDIR"}
    environment = parts["aws"].environment
    for name, value in service["environment"].items():
        assert name in environment
        assert name in differing or value == environment[name]


def test_prometheus_is_run_as_by_make_run(file: dict[str, Any], tmp_path: Path) -> None:
    here = {"--config.file", "--storage.tsdb.path", "--web.listen-address"}
    theirs = prometheus.part(Home(tmp_path), _default_ports()).command[1:]
    ours = file["services"]["prometheus"]["command"]
    assert {word for word in ours if word.partition("=")[0] not in here} == {
        word for word in theirs if word.partition("=")[0] not in here
    }


def test_service_c_can_be_scaled(file: dict[str, Any]) -> None:
    service = file["services"]["service-c"]
    assert not service.keys() & {"ports", "container_name", "hostname"}
    assert "MENSAGERIA_WORKER_INSTANCE" not in service["environment"]


def test_images_have_the_versions_that_make_run_has(file: dict[str, Any]) -> None:
    images = {name: service["image"].rpartition(":")[2] for name, service in file["services"].items()}
    lock = (ROOT / "requirements" / "stack.lock").read_text()
    jars = (ROOT / "requirements" / "kafka.jars.toml").read_text()
    made_for = re.search(r'^MADE_FOR = "(\S+)"', (ROOT / "stack" / "emulator.py").read_text(), re.MULTILINE)
    assert made_for
    assert f"\nministack=={made_for[1]} " in lock
    assert f"\nministack=={made_for[1]} " in (ROOT / "requirements" / "emulator.lock").read_text()
    assert f'artifactId = "kafka_2.13"\nversion = "{images["kafka"]}"' in jars
    node = re.search(r"NODE=node:(\d+)-", dockerfile.FILE.read_text())
    assert node
    assert f"\nnodejs-wheel-binaries=={node[1]}." in lock
    dbmate = re.search(r"DBMATE=\S+:(\S+)", dockerfile.FILE.read_text())
    assert dbmate
    assert f"\ndbmate-bin=={dbmate[1]} " in lock
    assert images["postgres"].partition(".")[0] == postgres.MAJOR


def test_postgres_is_the_release_that_make_run_has(file: dict[str, Any]) -> None:
    told = subprocess.run([postgres.binary("postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    assert file["services"]["postgres"]["image"] == f"postgres:{told.split()[-1]}"


def test_the_tables_server_is_installed_from_the_lock_of_make_run() -> None:
    copied = {source for _, sources, _ in dockerfile.copies(dockerfile.stages()["dynamodb"]) for source in sources}
    locked = {f"requirements/dynamodb/{name}" for name in ("package.json", "package-lock.json")}
    assert locked < copied
    rule = re.search(r"^\$\(DYNAMODB\): (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert rule
    assert locked < set(rule[1].split())


def test_only_the_edges_are_published_and_on_loopback_alone(file: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in file["services"].items() if "ports" in service}
    assert ports.keys() <= PUBLISHED
    # Behind the port of the query is one of the emulator's that has nothing else.
    assert ports.pop("aws") == ["127.0.0.1:4566:4568"]
    for name in ports:
        assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in ports[name]), name


@pytest.mark.parametrize(("service", "variable"), PORT_VARIABLES.items())
def test_a_published_port_can_be_another_one(service: str, variable: str) -> None:
    [usual] = compose.load(VARIABLES)["services"][service]["ports"]
    [other] = compose.load(VARIABLES | {variable: "12345"})["services"][service]["ports"]
    assert other == re.sub(r":\d+:", ":12345:", usual)


def test_another_port_of_web_is_the_origin_that_may_ask_the_query() -> None:
    services = compose.load(VARIABLES | {"MENSAGERIA_WEB_PORT": "12345"})["services"]
    assert services["layout"]["environment"]["MENSAGERIA_WEB_ORIGIN"] == "http://127.0.0.1:12345"
    assert "http://127.0.0.1:12345" in services["aws"]["command"]


@pytest.mark.parametrize(("service", "folders"), IMAGE_VOLUMES.items())
def test_no_volume_of_an_image_is_left_behind(file: dict[str, Any], service: str, folders: set[str]) -> None:
    """Each folder that an image declares as a volume would else be a new, nameless volume at every `make up`."""
    mounted = {volume.split(":")[1] for volume in file["services"][service].get("volumes", [])}
    assert folders <= mounted | set(file["services"][service].get("tmpfs", []))


def test_the_list_of_image_volumes_has_every_image(file: dict[str, Any]) -> None:
    assert IMAGE_VOLUMES.keys() == file["services"].keys() - {"aws", "dynamodb", "migrate"}  # which declare none
    targets = {service["build"]["target"] for service in file["services"].values() if "build" in service}
    for target in targets:
        declared = [value for stage in dockerfile.lineage(target) for value in stage.values("VOLUME")]
        assert declared == (['["/tmp"]'] if target not in {"emulator", "dynamodb", "migrations"} else [])


def test_nothing_waits_for_the_health_of_what_the_layout_must_heal(file: dict[str, Any]) -> None:
    """After a crash of the emulator a service may be unhealthy until the layout has run; Compose gives up on it."""
    services = file["services"]
    for name, service in services.items():
        for needed, condition in compose.dependencies(service).items():
            assert "layout" not in compose.dependencies(services[needed]) or condition == "service_started", name


def test_make_up_lays_out_before_it_waits_for_health() -> None:
    recipe = subprocess.run(["make", "-n", "up"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    started = [line for line in recipe.splitlines() if "docker compose up" in line]
    assert started == ["docker compose up --detach --build"]
    assert recipe.index("docker/wait-until-healthy") > recipe.index(started[0])


def test_kafka_may_start_slowly(file: dict[str, Any]) -> None:
    assert file["services"]["kafka"]["healthcheck"]["start_period"] == "60s"
    assert file["services"]["postgres"]["healthcheck"]["start_period"] == "60s"
    assert file["services"]["aws"]["healthcheck"]["start_period"] == "60s"


def test_the_number_of_service_c_can_be_kept(file: dict[str, Any]) -> None:
    assert file["services"]["service-c"]["deploy"]["replicas"] == "1"
    scaled = compose.load(VARIABLES | {"MENSAGERIA_SERVICE_C_REPLICAS": "3"})["services"]["service-c"]
    assert scaled["deploy"]["replicas"] == "3"
    assert scaled["deploy"]["resources"] == file["services"]["service-b"]["deploy"]["resources"]


def test_images_are_built_with_the_revision() -> None:
    services = compose.load(VARIABLES | {"MENSAGERIA_REVISION": "abc"})["services"]
    built = {name: service["build"] for name, service in services.items() if "build" in service}
    assert {name for name, build in built.items() if build.get("args", {}).get("REVISION") != "abc"} == set()


def test_own_containers_can_do_little(file: dict[str, Any]) -> None:
    own = [service for service in file["services"].values() if "build" in service]
    assert len(own) == 10
    for service in own:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        user = [value for stage in dockerfile.lineage(service["build"]["target"]) for value in stage.values("USER")][-1]
        assert user == "10001:10001"


def test_every_container_is_bounded_and_gains_no_privileges(file: dict[str, Any]) -> None:
    for name, service in file["services"].items():
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["cap_drop"] == ["ALL"], name
    added = {name: set(service["cap_add"]) for name, service in file["services"].items() if "cap_add" in service}
    # Its entry point makes the data folder as root and then becomes another user.
    assert added == {"postgres": {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}}


def test_what_is_waited_for_can_be_seen(file: dict[str, Any]) -> None:
    for service in file["services"].values():
        for needed, condition in compose.dependencies(service).items():
            is_job = compose.is_job(file["services"][needed])
            if needed != "gateway":  # see test_nothing_waits_for_the_health_of_what_the_layout_must_heal
                assert condition == ("service_completed_successfully" if is_job else "service_healthy")
            assert (
                is_job or compose.health_check(file["services"][needed]) or dockerfile.exec_form(needed, "HEALTHCHECK")
            )


@pytest.mark.parametrize("name", [name for name in VARIABLES if name.startswith("MENSAGERIA_")])
def test_no_secret_has_a_default(name: str) -> None:
    with pytest.raises(compose.NotSet, match=f"{name}: run make up"):
        compose.load({key: value for key, value in VARIABLES.items() if key != name})


def test_the_gateways_keys_are_mounted_as_a_folder(file: dict[str, Any]) -> None:
    """A mounted file stays the old one where another is put in its place, and a revoked key would stay good."""
    gateway = file["services"]["gateway"]
    [mounted] = gateway["volumes"]
    assert mounted == f"{MADE_BY_MAKE_SECRETS}:/etc/mensageria:ro"
    assert gateway["environment"]["MENSAGERIA_GATEWAY_KEYS_FILE"] == "/etc/mensageria/keys"


def test_every_documented_command_is_run_by_a_test_of_containers() -> None:
    assert set(documented.commands()) == documented.RUN_BY_TESTS


def test_each_configuration_that_is_mounted_is_there(file: dict[str, Any]) -> None:
    binds = [volume for service in file["services"].values() for volume in service.get("volumes", [])]
    files = [bind.partition(":")[0] for bind in binds if bind.startswith("./")]
    missing = [file for file in files if file != MADE_BY_MAKE_SECRETS and not (ROOT / file).exists()]
    assert not missing
