"""`python -m infra.database_roles`: a URL that is another role's changes no password."""

import pytest

from infra import database_roles
from pipeline.core.errors import SettingsError
from pipeline.core.settings.infra import DatabaseRolesSettings

NOWHERE = "127.0.0.1:1/mensageria"
B, QUERY = f"postgresql://mensageria_service_b:p@{NOWHERE}", f"postgresql://mensageria_query:q@{NOWHERE}"


@pytest.mark.parametrize(
    ("service_b", "query", "told"),
    [
        (QUERY, QUERY, "MENSAGERIA_SERVICE_B_POSTGRES_URL is .* give it the user mensageria_service_b"),
        (B, f"postgresql://mensageria_query@{NOWHERE}", "MENSAGERIA_QUERY_POSTGRES_URL is .* a password"),
        (B, f"postgresql://mensageria:p@{NOWHERE}", "MENSAGERIA_QUERY_POSTGRES_URL is .* the user mensageria_query"),
    ],
)
def test_a_url_of_another_role_is_named_and_not_shown(service_b: str, query: str, told: str) -> None:
    urls = DatabaseRolesSettings(
        postgres_url=f"postgresql://mensageria:p@{NOWHERE}", service_b_postgres_url=service_b, query_postgres_url=query
    )
    with pytest.raises(SettingsError, match=told) as refused:
        database_roles.set_passwords(urls)
    assert NOWHERE not in str(refused.value)
