"""What each container may do, as the engine has it."""

import json

import pytest

from tests.containers.engine import CommandFailed
from tests.containers.installation import PROJECT, Installation
from tests.support import compose, dockerfile

pytestmark = [pytest.mark.long, pytest.mark.containers, pytest.mark.timeout(2400)]
OWN = ("gateway", "web", "service-b", "service-c", "dynamodb", "aws")
_MIB = 1024**2
_UNITS = {"m": _MIB, "g": 1024 * _MIB}


def test_every_container_has_the_limits_of_the_file(up: Installation) -> None:
    services = compose.load(up.variables)["services"]
    for container in up.containers():
        name, host = container["Config"]["Labels"]["com.docker.compose.service"], container["HostConfig"]
        limits = services[name]["deploy"]["resources"]["limits"]
        assert host["ReadonlyRootfs"] == services[name].get("read_only", False), name
        assert host["CapDrop"] == ["ALL"], name
        assert {each.removeprefix("CAP_") for each in host["CapAdd"] or []} == set(services[name].get("cap_add", [])), (
            name
        )
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        assert host["Memory"] == int(limits["memory"][:-1]) * _UNITS[limits["memory"][-1]], name
        assert host["NanoCpus"] == float(limits["cpus"]) * 10**9, name
        assert host["PidsLimit"] == limits["pids"], name
        assert not host["Privileged"], name


def test_no_process_is_root(up: Installation) -> None:
    for container in up.containers():
        if container["State"]["Running"]:
            listed = up.engine.docker("top", container["Id"], "-eo", "pid,ppid,uid,args").splitlines()[1:]
            own = {str(container["State"]["Pid"])}  # and what it has started: a health check is not its child
            for pid, parent, uid, program in sorted(
                (line.split(None, 3) for line in listed), key=lambda row: int(row[0])
            ):
                if pid in own or parent in own:
                    own.add(pid)
                    assert uid != "0", f"{container['Name']}: {program}"


@pytest.mark.parametrize("service", OWN)
def test_a_service_can_write_to_its_volumes_alone(up: Installation, service: str) -> None:
    with pytest.raises(CommandFailed, match=r"[Rr]ead-only"):
        up.compose("exec", "--no-TTY", service, "sh", "-c", "echo x > /app/written")


def test_the_emulator_keeps_its_state_in_its_volume(up: Installation) -> None:
    up.compose("exec", "--no-TTY", "aws", "sh", "-c", "touch /var/lib/emulator/x && rm /var/lib/emulator/x")


def test_no_secret_is_in_an_image(up: Installation) -> None:
    secrets = [value for name, value in up.variables.items() if name.endswith(("_KEY", "_PASSWORD"))]
    assert len(secrets) == 6
    services = compose.load(up.variables)["services"]
    for name in sorted({service["image"] for service in services.values() if "build" in service}):
        history = up.engine.docker("history", "--no-trunc", name) + json.dumps(up.engine.inspect(name))
        assert not [secret for secret in secrets if secret in history], name
    search = [word for secret in secrets for word in ("-e", secret)]
    for image in ("mensageria/layout", "mensageria/emulator"):
        with pytest.raises(CommandFailed, match=r"ended with 1:\n$"):  # grep's code where it finds nothing
            up.engine.docker(
                "run", "--rm", "--entrypoint", "grep", image, "-rlFs", "--exclude-dir=.venv", *search, "/app"
            )


def test_every_image_is_labelled(up: Installation) -> None:
    services = compose.load(up.variables)["services"]
    revision = up.shell("git rev-parse HEAD").strip()
    for name in sorted({service["image"] for service in services.values() if "build" in service}):
        [image] = up.engine.inspect(name)
        assert image["Config"]["Labels"]["org.opencontainers.image.revision"] == revision, name
        assert image["Config"]["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0", name


def test_no_nameless_volume_is_left(up: Installation) -> None:
    before = volumes(up)
    up.down()
    up.up()
    assert {name for name in volumes(up) - before if not name.startswith(f"{PROJECT}_")} == set()
    mounted = [mount for container in up.containers() for mount in container["Mounts"] if mount["Type"] == "volume"]
    assert [mount["Destination"] for mount in mounted if not mount["Name"].startswith(f"{PROJECT}_")] == []


def volumes(up: Installation) -> set[str]:
    return set(up.engine.docker("volume", "ls", "--quiet").split())


def test_the_file_is_valid_for_compose(up: Installation) -> None:
    configured = json.loads(up.compose("--profile", "*", "config", "--format", "json"))
    assert configured["services"].keys() == compose.load(up.variables)["services"].keys()
    assert {service["build"]["target"] for service in configured["services"].values() if "build" in service} <= set(
        dockerfile.stages()
    )
