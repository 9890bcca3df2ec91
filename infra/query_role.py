"""`python -m infra.query_role`: gives the query's database role its password.

The role is made by a migration, which can hold no secret. Safe to repeat, and what to
do after the password was changed.
"""

import sys

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import encrypt_password, parse_dsn

from pipeline.errors import SettingsError
from pipeline.settings import QueryRoleSettings, read

ROLE = "mensageria_query"


def set_password(settings: QueryRoleSettings) -> None:
    """Give ROLE the password that the query's URL has; the server sees its verifier alone.

    Raises SettingsError where the URL is another role's or has no password, and psycopg2.Error.
    """
    wanted = parse_dsn(settings.query_postgres_url)
    if wanted.get("user") != ROLE or not wanted.get("password"):
        raise SettingsError(f"MENSAGERIA_QUERY_POSTGRES_URL is (a secret): give it the user {ROLE} and a password")
    connection = psycopg2.connect(settings.postgres_url, application_name="query-role")
    try:
        with connection, connection.cursor() as cursor:
            verifier = encrypt_password(wanted["password"], ROLE, connection, "scram-sha-256")
            statement = sql.SQL("alter role {} password {}")
            cursor.execute(statement.format(sql.Identifier(ROLE), sql.Literal(verifier)))
    finally:
        connection.close()


if __name__ == "__main__":
    try:
        set_password(read(QueryRoleSettings))
    except (SettingsError, psycopg2.Error) as error:
        sys.exit(f"query_role: {str(error).strip()}")
