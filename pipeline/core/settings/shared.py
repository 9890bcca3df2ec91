"""Settings that several programs have: each variable is declared here once, and their classes derive from these."""

from dataclasses import dataclass

from pipeline.core.variables import setting


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """The gateway and the query over HTTP."""

    gateway_url: str = setting("GATEWAY_URL", "Base URL of the gateway.", default="http://127.0.0.1:8000")
    gateway_key: str = setting("GATEWAY_KEY", "Key that the gateway asks for, if it does.", default="", secret=True)
    query_url: str = setting("QUERY_URL", "Base URL of the query.")
    query_key: str = setting("QUERY_KEY", "Key that the query asks for, if it does.", default="", secret=True)


@dataclass(frozen=True, kw_only=True)
class QueueBSettings:
    """Service B's queues."""

    queue_b_url: str = setting("QUEUE_B_URL", "SQS queue of service B.")
    dead_letter_b_url: str = setting("DEAD_LETTER_B_URL", "Dead-letter queue of service B.")


@dataclass(frozen=True, kw_only=True)
class QueueCSettings:
    """Service C's queues."""

    queue_c_url: str = setting("QUEUE_C_URL", "SQS queue of service C.")
    dead_letter_c_url: str = setting("DEAD_LETTER_C_URL", "Dead-letter queue of service C.")


@dataclass(frozen=True, kw_only=True)
class TableSettings:
    """The DynamoDB table."""

    table: str = setting("TABLE", "DynamoDB table of the events.", default="events")


@dataclass(frozen=True, kw_only=True)
class OwnerSettings:
    """PostgreSQL as the owner of the tables."""

    postgres_url: str = setting("POSTGRES_URL", "libpq URL of the database, as its owner.", secret=True)


@dataclass(frozen=True, kw_only=True)
class ReaderSettings:
    """PostgreSQL as the query's role."""

    query_postgres_url: str = setting("QUERY_POSTGRES_URL", "URL of the database for reading.", secret=True)


@dataclass(frozen=True, kw_only=True)
class CursorSettings:
    """The query's cursors."""

    cursor_key: str = setting("CURSOR_KEY", "Key that signs the cursors, at least 32 characters.", secret=True)
