"""What service B's role in PostgreSQL can do, and what nobody who breaks into B could."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest

from streams.postgres import PostgresStore
from tests.integration.streams.test_stores import delivery
from tests.support.running_system import System

OF_OTHERS = (
    "select * from events",
    "select event from events",
    "update events set type = 'x'",
    "delete from events",
    "truncate events",
    "drop table events",
    "alter table events add column x int",
    "insert into events (source, id, type, received_at, stored_at, origin, content_hash, event)"
    " values ('s', 'i', 't', now(), now() - interval '1 day', '{}', '', '{}')",
    "select * from erasures",
    "select * from schema_migrations",
    "create table mine ()",
    "create schema mine",
    "create role mine",
    "set role mensageria",
    "set role mensageria_query",
    "copy events to program 'true'",
)


@pytest.fixture
def url(system: System) -> str:
    """Service B's URL, as the running one has it."""
    address = urlsplit(system.endpoints["postgres"])
    password = (system.home / "secrets" / "postgres-service-b").read_text()
    return f"postgresql://mensageria_service_b:{password}@{address.hostname}:{address.port}{address.path}"


@pytest.fixture
def cursor(url: str) -> Iterator[Any]:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        yield cursor
    connection.close()


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(url, connections=1, timeout_s=5)
    yield store
    await store.close()


@pytest.mark.parametrize("statement", OF_OTHERS)
def test_service_bs_role_can_do_nothing_that_is_anothers(cursor: Any, statement: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cursor.execute(statement)


async def test_service_bs_role_can_store_and_tell_repeats_from_conflicts(store: PostgresStore, source: str) -> None:
    await store.ping()
    assert (await store.store([delivery(source, "1", 1)])).new
    again = await store.store([delivery(source, "1", 1), delivery(source, "2", 1)])
    assert (len(again.new), len(again.repeated)) == (1, 1)
    assert (await store.store([delivery(source, "1", 2)])).conflicting


def test_the_running_service_b_has_that_role(system: System) -> None:
    with psycopg2.connect(system.endpoints["postgres"]) as connection, connection.cursor() as cursor:
        cursor.execute("select distinct usename from pg_stat_activity where application_name = 'service-b'")
        assert ("mensageria_service_b",) in cursor.fetchall()
