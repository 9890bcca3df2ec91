"""`python -m infra.setup`, as its task on AWS runs it: on an empty PostgreSQL and a Kafka that lets in nobody."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from urllib.parse import quote

import psycopg2
import pytest
import pytest_asyncio
from aiokafka.errors import KafkaConnectionError

from infra import acls
from pipeline.clients import kafka_access
from pipeline.core.errors import AccessRefused
from pipeline.core.settings import inherited
from pipeline.core.settings.stack import StackSettings
from stack import postgres
from stack.home import ROOT, STACK_BIN, Home
from stack.ports import HOST, choose
from tests.support.secured_kafka import SecuredKafka, secured_kafka
from tests.support.waiting import until

SERVICE_B, QUERY = "b?#%[pass", "q:word"
"""Passwords such as RDS makes them, with what a URL would take for something else."""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[str, str]]:
    """A server that is empty until a set-up succeeds: its URL, without a user, and the owner's password."""
    home, ports = Home(tmp_path_factory.mktemp("home")), choose(StackSettings(ports="free"))
    part = postgres.part(home, ports)
    await part.prepare()
    with home.log("postgres").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *part.command, env=dict(part.environment), cwd=ROOT, stdout=log, stderr=log
        )
    try:
        await until(part.probe, within_s=30)
        yield f"postgresql://{HOST}:{ports.postgres}/{postgres.DATABASE}?sslmode=disable", home.secret("postgres")
    finally:
        process.send_signal(part.stop_signal)
        await process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(
    tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Callable[[], int]
) -> AsyncIterator[SecuredKafka]:
    folder = tmp_path_factory.mktemp("kafka")
    async with secured_kafka(folder, unused_tcp_port_factory(), unused_tcp_port_factory()) as one:
        await until(lambda: lets_in(one, "admin"), within_s=30)
        yield one


async def lets_in(broker: SecuredKafka, user: str, *topics: str) -> bool:
    try:
        await kafka_access.require(broker.settings(user), topics=topics)
    except (AccessRefused, KafkaConnectionError):  # its users are read a moment after it listens
        return False
    return True


async def set_up(url: str, password: str, broker: SecuredKafka) -> tuple[int | None, str]:
    """The exit code of the command, and what it wrote."""
    own = {
        "POSTGRES_URL": url,
        "SERVICE_B_PASSWORD": SERVICE_B,
        "QUERY_PASSWORD": QUERY,
        **broker.variables("admin"),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "infra.setup"),
        cwd=ROOT,
        env=inherited()
        | {f"MENSAGERIA_{name}": value for name, value in own.items()}
        | {"PATH": f"{STACK_BIN}{os.pathsep}{os.defpath}", "PGUSER": postgres.USER, "PGPASSWORD": password},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


def answers(url: str, user: str, password: str) -> bool:
    address = url.replace("//", f"//{user}:{quote(password, safe='')}@")
    connection = psycopg2.connect(address)
    connection.close()
    return True


async def test_an_empty_system_is_set_up_and_again(database: tuple[str, str], broker: SecuredKafka) -> None:
    url, password = database
    with pytest.raises(AccessRefused, match="no right to the topic"):
        await kafka_access.require(broker.settings("gateway"), topics=["events"])
    for _ in range(2):
        code, told = await set_up(url, password, broker)
        assert code == 0, told
        assert SERVICE_B not in told
    assert answers(url, "mensageria_service_b", SERVICE_B)
    assert answers(url, "mensageria_query", QUERY)
    await until(lambda: lets_in(broker, "gateway", "events"), within_s=15)
    with pytest.raises(AccessRefused):
        await acls.grant(broker.settings("gateway"))


async def test_a_step_that_fails_ends_it_with_its_reason(database: tuple[str, str], broker: SecuredKafka) -> None:
    url, _ = database
    code, told = await set_up(url, "not it", broker)
    assert code == 1
    assert "password authentication failed" in told
    assert told.strip().splitlines()[-1] == "setup: dbmate could not bring the schema up to date"
    assert "Traceback" not in told
