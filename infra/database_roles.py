"""`python -m infra.database_roles`: gives service B's and the query's database roles their passwords.

The roles are made by migrations, which can hold no secret. Safe to repeat, and what to
do after a password was changed.
"""

import sys
from collections.abc import Mapping

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, named so by psycopg2
from psycopg2.extensions import encrypt_password, parse_dsn

from pipeline.core.errors import SettingsError
from pipeline.core.settings import read
from pipeline.core.settings.infra import DatabaseRolesSettings

SERVICE_B, QUERY = "mensageria_service_b", "mensageria_query"


def set_passwords(settings: DatabaseRolesSettings) -> None:
    """Give each role the password that its URL has.

    Raises SettingsError where a URL is another role's or has no password, and psycopg2.Error.
    """
    give(
        settings.postgres_url,
        {
            SERVICE_B: _password("MENSAGERIA_SERVICE_B_POSTGRES_URL", settings.service_b_postgres_url, SERVICE_B),
            QUERY: _password("MENSAGERIA_QUERY_POSTGRES_URL", settings.query_postgres_url, QUERY),
        },
    )


def give(postgres_url: str, passwords: Mapping[str, str]) -> None:
    """Give each role its password, as the owner of `postgres_url`; the server sees its verifier alone.

    Raises psycopg2.Error.
    """
    connection = psycopg2.connect(postgres_url, application_name="database-roles")
    try:
        with connection:
            for role, password in passwords.items():
                _set_password(connection, role, password)
    finally:
        connection.close()


def _password(variable: str, url: str, role: str) -> str:
    told = parse_dsn(url)
    if told.get("user") != role or not told.get("password"):
        raise SettingsError(f"{variable} is (a secret): give it the user {role} and a password")
    return str(told["password"])


def _set_password(connection: Connection, role: str, password: str) -> None:
    verifier = encrypt_password(password, role, connection, "scram-sha-256")
    statement = sql.SQL("alter role {} password {}")
    with connection.cursor() as cursor:
        cursor.execute(statement.format(sql.Identifier(role), sql.Literal(verifier)))


if __name__ == "__main__":
    try:
        set_passwords(read(DatabaseRolesSettings))
    except (SettingsError, psycopg2.Error) as error:
        sys.exit(f"database_roles: {str(error).strip()}")
