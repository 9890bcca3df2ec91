"""`python -m infra.setup`: what the servers on AWS must hold, before the services start.

The schema and its roles' passwords on PostgreSQL, the topics and the ACLs on Kafka. It runs as a task inside
the network (infra/setup.yaml), since nothing reaches the servers from outside. Safe to repeat.
"""

import asyncio
import os
import subprocess
import sys

import psycopg2
import structlog
from aiokafka.errors import KafkaError
from botocore.exceptions import BotoCoreError

from infra import acls, database_roles, topics
from pipeline.core.errors import MensageriaError
from pipeline.core.settings import inherited, read
from pipeline.core.settings.infra import SetupSettings
from pipeline.telemetry import logs

_MIGRATE = ("dbmate", "--migrations-dir", "migrations", "--no-dump-schema", "up")
_OWNER = ("PGUSER", "PGPASSWORD")
_log = structlog.get_logger(__name__)


class SetupFailed(MensageriaError):
    """A step failed; what it wrote stands above."""


def migrate(postgres_url: str) -> None:
    """Bring the schema up to date, as the owner that libpq's variables name. Raises SetupFailed."""
    owner = {name: os.environ[name] for name in _OWNER if name in os.environ}  # noqa: TID251 - libpq's, not settings
    ended = subprocess.run(_MIGRATE, env=inherited() | owner | {"DATABASE_URL": postgres_url}, check=False)
    if ended.returncode:
        raise SetupFailed("dbmate could not bring the schema up to date")


def set_up(settings: SetupSettings) -> None:
    """All of it, in order. Raises MensageriaError, psycopg2.Error, KafkaError and BotoCoreError."""
    migrate(settings.postgres_url)
    passwords = {
        database_roles.SERVICE_B: settings.service_b_password,
        database_roles.QUERY: settings.query_password,
    }
    database_roles.give(settings.postgres_url, passwords)
    _log.info("the database is set up", roles=list(passwords))
    asyncio.run(_kafka(settings))
    _log.info("kafka is set up", rights=len(acls.rights(settings.kafka)))


async def _kafka(settings: SetupSettings) -> None:
    await topics.make(settings.kafka)
    await acls.grant(settings.kafka)


def main() -> None:
    """Set up, and end; the exit code says whether it is done."""
    try:
        settings = read(SetupSettings)
        logs.configure("setup", settings.log)
        set_up(settings)
    except (MensageriaError, psycopg2.Error, KafkaError, BotoCoreError) as error:
        sys.exit(f"setup: {str(error).strip()}")


if __name__ == "__main__":
    main()
