"""Every command of docs/containers.md, and what it says of the addresses and keys."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers import documented
from tests.containers.installation import PORTS, Installation
from tests.containers.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.containers, pytest.mark.timeout(2400)]


@pytest.fixture
def keys(up: Installation) -> Iterator[Path]:
    """The file of keys, which is afterwards as it was before."""
    before = up.keys.read_text()
    yield up.keys
    replace(up.keys, before)


def replace(file: Path, text: str) -> None:
    """What an editor does: a new file in the place of the old one."""
    new = file.with_name("keys.new")
    new.write_text(text)
    new.chmod(0o644)
    new.replace(file)


def test_an_event_reaches_both_stores_by_the_generated_key(up: Installation) -> None:
    answer = up.shell(f"{documented.READ_SECRETS}\n{documented.PUBLISH}")
    assert answer.startswith("HTTP/1.1 202")
    found = re.search(r'"id":"([^"]+)","source":"([^"]+)"', answer)
    assert found
    record = up.until(lambda: up.record(found[1], found[2]))
    assert record["event"]["data"] == {"total": 12.5}
    assert record["receipt"]["postgres"]["via"] == "sqs"
    assert record["receipt"]["dynamodb"].keys() == {"sqs", "kafka"}


def test_who_has_no_key_publishes_nothing(up: Installation) -> None:
    assert up.publish("without", key="mens_wrong") == 401


def test_a_second_make_up_changes_nothing(up: Installation) -> None:
    before = {
        container["Id"]: container["State"]["StartedAt"] for container in up.containers() if is_running(container)
    }
    assert "all is ready" in up.shell(documented.UP)
    after = {container["Id"]: container["State"]["StartedAt"] for container in up.containers() if is_running(container)}
    assert after == before


def is_running(container: dict[str, dict[str, str]]) -> bool:
    return container["State"]["Status"] == "running"


def test_a_new_key_is_good_and_a_revoked_one_is_not_within_a_second(up: Installation, keys: Path) -> None:
    key, line = up.shell(documented.NEW_KEY).split("\n")[-3:-1]
    before = keys.read_text()
    assert up.publish("shop", key) == 401
    replace(keys, f"{before}{line}\n")
    until(lambda: up.publish("shop", key) == 202, within_s=2)
    replace(keys, before)
    until(lambda: up.publish("shop", key) == 401, within_s=2)
    assert up.publish("shop") == 202
    assert up.has_arrived("shop")["event"]["data"] == {"id": "shop"}


def test_the_tools_see_every_part(up: Installation) -> None:
    status = up.shell(documented.STATUS)
    assert "service-b" in status
    assert "service-c" in status


def test_the_logs_are_those_of_the_services(up: Installation) -> None:
    up.publish_until_accepted("logged")
    up.has_arrived("logged")
    followed = up.shell(f"timeout 5 {documented.LOGS} || test $? = 124")
    assert {line.partition("-1 ")[0].strip() for line in followed.splitlines() if "-1 " in line} >= {"gateway"}


def test_three_of_service_c_share_the_work(up: Installation) -> None:
    up.shell(documented.SCALE)
    up.becomes_healthy()
    containers = up.containers("service-c")
    assert len(containers) == 3
    ids = [f"shared-{number}" for number in range(60)]

    def share() -> bool:
        for id_ in ids:
            up.publish_until_accepted(id_)
        return all(stored(up, container["Id"]) for container in containers)

    up.until(share, within_s=120)
    for id_ in ids:
        up.has_arrived(id_)
    up.up()
    assert len([each for each in up.containers("service-c") if is_running(each)]) == 1


def stored(up: Installation, container: str) -> float:
    """How many events this one of service C has stored."""
    ask = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:6067/metrics').read().decode())"
    metrics = up.engine.docker("exec", container, "python", "-c", ask)
    return sum(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith("events_stored_total{"))


def test_only_documented_ports_answer(up: Installation) -> None:
    published = {
        (port["HostIp"], int(port["HostPort"]))
        for container in up.containers()
        for ports in (container["NetworkSettings"]["Ports"] or {}).values()
        for port in ports or []
    }
    assert published == {("127.0.0.1", port) for port in PORTS.values()}


def test_the_pages_and_the_documentation_answer(up: Installation) -> None:
    assert up.ask("WEB", "/").status_code == 200
    assert up.ask("GATEWAY", "/docs").status_code == 200
    assert up.ask("GRAFANA", "/api/health").status_code == 200


def test_nothing_of_the_emulator_but_the_query_is_published(up: Installation) -> None:
    assert up.ask("AWS", "/_aws/execute-api/mensageria/$default/events").status_code == 200
    for path in ("/", "/2015-03-31/functions", "/_ministack/ready"):
        assert up.ask("AWS", path).status_code == 404


def test_prometheus_scrapes_every_service(up: Installation) -> None:
    def scraped() -> bool:
        targets = up.ask("PROMETHEUS", "/api/v1/targets").json()["data"]["activeTargets"]
        states = {target["labels"]["job"]: target["health"] for target in targets}
        return states == dict.fromkeys(("gateway", "web", "service-b", "service-c"), "up")

    up.until(scraped)


def test_jaeger_has_the_trace_of_an_event(up: Installation) -> None:
    up.publish_until_accepted("traced")
    up.has_arrived("traced")

    def traced() -> bool:
        answer = up.ask("JAEGER", "/api/services")
        return set(answer.json()["data"] or ()) >= {"gateway", "service-b", "service-c"}

    up.until(traced)


def test_an_image_is_built_on_a_base_that_is_given(up: Installation) -> None:
    [base] = re.findall(r"^ARG PYTHON=(\S+)", (up.folder / "docker" / "Dockerfile").read_text(), re.MULTILINE)
    up.shell(documented.BUILD_BY_DIGEST.replace("python@sha256:...", base), within_s=1200)
    [image] = up.engine.inspect("mensageria/gateway")
    assert image["Config"]["Labels"]["org.opencontainers.image.revision"] == up.shell("git rev-parse HEAD").strip()


def test_all_data_can_be_forgotten(up: Installation) -> None:
    up.publish_until_accepted("forgotten")
    up.has_arrived("forgotten")
    up.shell(documented.FORGET)
    assert not up.containers()
    up.up()
    assert not up.record("forgotten")
