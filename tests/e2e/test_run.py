"""`python -m stack run`, as a person and a terminal see it."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg2
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer

from stack.http_client import http_client
from stack.java import kept_start
from tests.support.mensageria import Tool
from tests.support.processes import is_alive, maps, naming
from tests.support.running_system import ROOT, System, launch, running
from tests.support.waiting import until

PARTS = {"gateway", "web", "service-b", "service-c", "kafka", "postgres", "dynamodb", "aws"}
KEYS = [
    "gateway",
    "web",
    "query",
    "service_b",
    "service_c",
    "kafka",
    "postgres",
    "aws",
    "dynamodb",
    "region",
    "access_key",
    "secret_key",
    "topic_arn",
    "queue_b",
    "queue_c",
    "dead_letter_b",
    "dead_letter_c",
    "kafka_topic",
    "kafka_dead_letter_topic",
    "table",
]
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home that no process names when the test ends."""
    yield tmp_path / "home"
    assert naming(str(tmp_path / "home")) == []


@dataclass(frozen=True)
class Stopped:
    """A home after an ordered stop, with one event of urn:test:run; what was seen then and is gone in copies."""

    home: Path
    code: int
    pids: list[Path]
    left: list[str]
    open_to_others: list[Path]

    def copy(self, home: Path) -> None:
        """Copy it with its owners: PostgreSQL's is another one where we are root."""
        subprocess.run(["cp", "-a", self.home, home], check=True)
        (home / "output").unlink()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    """Started once: the tests go on from copies of it."""
    home = tmp_path_factory.mktemp("stopped") / "home"
    with running(home, DYNAMODB="disk") as system:
        await publish(system.endpoints, "urn:test:run", "1")
        await until(lambda: is_complete(system.endpoints, "urn:test:run", "1"), within_s=20)
        assert "DynamoDB Local" not in system.output
        code = system.stop(signal.SIGTERM)
    return Stopped(home, code, list((home / "run").glob("*.pid")), naming(str(home)), _open_to_others(home))


async def events(endpoints: dict[str, Any], source: str) -> list[str]:
    async with http_client(timeout=20) as client:
        answer = await client.get(f"{endpoints['query']}/events", params={"source": source})
        return [event["id"] for event in answer.json()["events"] if event["stores"] == ["postgres", "dynamodb"]]


async def is_complete(endpoints: dict[str, Any], source: str, id_: str) -> bool:
    """Whether it is stored by every way: nothing of it is on its way any more."""
    async with http_client(timeout=20) as client:
        answer = await client.get(f"{endpoints['query']}/event", params={"source": source, "id": id_})
        return answer.is_success and bool(answer.json()["complete"])


async def publish(endpoints: dict[str, Any], source: str, id_: str) -> None:
    event = {"specversion": "1.0", "type": "test.run", "source": source, "id": id_}
    async with http_client(timeout=20) as client:
        answer = await client.post(
            f"{endpoints['gateway']}/events", json=event, headers={"content-type": "application/cloudevents+json"}
        )
        assert answer.status_code == 202, answer.text


async def ready(url: str) -> bool:
    async with http_client(timeout=5) as client:
        try:
            return (await client.get(f"{url}/readyz")).is_success
        except httpx.TransportError:
            return False


async def test_answers_on_every_address(system: System) -> None:
    endpoints = system.endpoints
    assert list(endpoints) == KEYS
    assert stat.S_IMODE((system.home / "endpoints.json").stat().st_mode) == 0o600
    assert {file.stem for file in (system.home / "run").glob("*.pid")} == PARTS
    async with http_client(timeout=20) as client:
        for name in ("gateway", "web", "service_b", "service_c"):
            assert (await client.get(f"{endpoints[name]}/readyz")).status_code == 200
        assert (await client.get(f"{endpoints['query']}/events")).status_code == 200
        assert (await client.get(f"{endpoints['aws']}/_ministack/ready")).status_code == 200
        assert (await client.get(endpoints["dynamodb"])).status_code == 200
    database = psycopg2.connect(endpoints["postgres"])
    with database.cursor() as cursor:
        cursor.execute("select count(*) from events")
    database.close()
    consumer = AIOKafkaConsumer(bootstrap_servers=endpoints["kafka"])
    await consumer.start()
    own = {"events-pending", "events-receipts", "events-journeys"}
    assert await consumer.topics() == {endpoints["kafka_topic"], endpoints["kafka_dead_letter_topic"], *own}
    await consumer.stop()


def test_listens_on_loopback_only(system: System) -> None:
    machine = _own_address()
    for name in ("gateway", "web", "service_b", "service_c", "kafka", "postgres", "aws", "dynamodb"):
        address = system.endpoints[name]
        port = urlsplit(address if "://" in address else f"//{address}").port
        with socket.socket() as probe:
            probe.settimeout(2)
            assert probe.connect_ex((machine, port)) != 0, f"{name} listens on {machine}"


def test_kafka_starts_from_what_was_kept_of_its_start(system: System) -> None:
    assert str(kept_start("kafka")) in maps(system.pid("kafka"))
    assert "[aot" not in (system.home / "logs" / "kafka.log").read_text()


def _own_address() -> str:
    """An address of this machine that isn't loopback (nothing is sent)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        route.connect(("192.0.2.1", 9))
        return str(route.getsockname()[0])


@pytest.mark.parametrize("part", ["gateway", "service-b", "dynamodb", "postgres", "kafka"])
async def test_a_killed_part_comes_back(system: System, part: str) -> None:
    killed = system.pid(part)
    os.kill(killed, signal.SIGKILL)

    async def another() -> bool:
        return system.pid(part) != killed and is_alive(system.pid(part))

    await until(another, within_s=2, every_s=0.02)
    for name in ("gateway", "service_b", "service_c"):
        await until(lambda name=name: ready(system.endpoints[name]), within_s=30)  # type: ignore[misc]


def test_an_ordered_stop_leaves_a_closed_home_and_no_process(stopped: Stopped) -> None:
    assert stopped.code == 0
    assert not (stopped.home / "endpoints.json").exists()
    assert (stopped.pids, stopped.left, stopped.open_to_others) == ([], [], [])


async def test_keeps_its_data_over_an_ordered_stop_and_over_a_kill_of_everything(home: Path, stopped: Stopped) -> None:
    stopped.copy(home)
    with running(home, DYNAMODB="disk") as system:
        assert await events(system.endpoints, "urn:test:run") == ["1"]
        assert "differences --repair" not in system.output
        system.process.kill()
        system.process.wait(5)
        await until(lambda: _nobody(home), within_s=5)

    with running(home, DYNAMODB="disk") as system:
        assert await events(system.endpoints, "urn:test:run") == ["1"]
        assert "differences --repair" in system.output


def _open_to_others(home: Path) -> list[Path]:
    """What other users of the machine could read or enter, were the home itself open; the tests' own file is let be."""
    found = [home, *(path for path in home.rglob("*") if path.name != "output")]
    return [path for path in found if not path.is_symlink() and path.stat().st_mode & 0o077]


async def test_events_of_an_older_home_come_back_into_the_table(home: Path, stopped: Stopped) -> None:
    stopped.copy(home)
    # What a version with DynamoDB Local leaves: its file, and rows in PostgreSQL older than 30 s.
    shutil.rmtree(home / "dynamodb")
    (home / "dynamodb").mkdir()
    old = home / "dynamodb" / "shared-local-instance.db"
    old.write_bytes(b"SQLite format 3\0")
    with running(home, DYNAMODB="disk") as system:
        assert system.output.count("DynamoDB Local") == 1
        assert await events(system.endpoints, "urn:test:run") == []
        database = psycopg2.connect(system.endpoints["postgres"])
        with database, database.cursor() as cursor:
            cursor.execute("update events set received_at = received_at - interval '1 minute'")
        database.close()
        told = await Tool(home)("differences", "--repair")
        assert told.code == 0, told.err
        await until(lambda: events(system.endpoints, "urn:test:run"), within_s=20)
        assert system.stop() == 0
    with running(home, DYNAMODB="disk") as system:
        assert system.output.count("DynamoDB Local") == 1
        assert await events(system.endpoints, "urn:test:run") == ["1"]
    assert old.exists()


async def _nobody(home: Path) -> bool:
    return naming(str(home)) == []


async def test_the_emulator_is_laid_out_anew_after_a_crash(system: System) -> None:
    before, said_before = system.endpoints, len(system.output)
    os.kill(system.pid("aws"), signal.SIGKILL)

    async def said() -> bool:
        return "aws: ready again" in system.output[said_before:]

    await until(said, within_s=30)
    assert "differences --repair" in system.output[said_before:]
    await publish(before, "urn:test:crash", "1")
    await until(lambda: events(before, "urn:test:crash"), within_s=30)
    assert (await _preflight(before)) == 204


async def _preflight(endpoints: dict[str, Any]) -> int:
    headers = {"origin": endpoints["web"], "access-control-request-method": "GET"}
    async with http_client() as client:
        return (await client.options(f"{endpoints['query']}/events", headers=headers)).status_code


@pytest.mark.parametrize("after", ["kafka: starting", "gateway: starting"])
async def test_ctrl_c_in_mid_start_leaves_nothing(home: Path, after: str) -> None:
    system = launch(home)

    async def begun() -> bool:
        return after in system.output

    await until(begun, within_s=60, every_s=0.02)
    begun_at = time.monotonic()
    assert system.stop(signal.SIGINT) == 130
    assert time.monotonic() - begun_at < 30
    assert system.output.count("interrupted before all was ready") == 1
    assert "Traceback" not in system.output


def test_a_taken_port_is_one_clear_message(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        system = launch(home, PORTS="default", WEB_PORT=str(port))
        assert system.process.wait(20) == 1
    assert f"port {port} (web)" in system.output
    assert "Traceback" not in system.output


def test_a_second_system_on_a_home_changes_nothing(system: System) -> None:
    pids = {part: system.pid(part) for part in PARTS}
    second = subprocess.run(
        [sys.executable, "-m", "stack", "run"],
        cwd=ROOT,
        env={"MENSAGERIA_HOME": str(system.home), "MENSAGERIA_PORTS": "free"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert second.returncode == 1
    assert f"a system runs on {system.home} already" in second.stderr
    assert {part: system.pid(part) for part in PARTS} == pids
    assert system.endpoints


def test_a_part_that_cannot_start_is_one_clear_message(home: Path, stopped: Stopped) -> None:
    stopped.copy(home)
    (home / "postgres" / "data" / "PG_VERSION").write_text("9\n")
    system = launch(home)
    assert system.process.wait(60) == 1
    assert "postgres ended before it was ready" in system.output
    assert "The last lines of" in system.output
    assert "Traceback" not in system.output
