"""The commands of `infra`, which lay out the servers."""

from dataclasses import dataclass, field

from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.settings.process import LogSettings
from pipeline.core.settings.shared import CursorSettings, OwnerSettings, ReaderSettings
from pipeline.core.variables import setting


@dataclass(frozen=True, kw_only=True)
class DatabaseRolesSettings(ReaderSettings, OwnerSettings):
    """The command `python -m infra.database_roles`."""

    service_b_postgres_url: str = setting(
        "SERVICE_B_POSTGRES_URL", "URL of the database as service B's role, with the password to set.", secret=True
    )


@dataclass(frozen=True, kw_only=True)
class LayoutSettings(CursorSettings, ReaderSettings):
    """`python -m infra.layout`: what the servers in containers must hold."""

    web_origin: str = setting(
        "WEB_ORIGIN", "The only origin whose pages may call the query.", default="http://127.0.0.1:8080"
    )
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    log: LogSettings = field(default_factory=LogSettings)


@dataclass(frozen=True, kw_only=True)
class KafkaAdminSettings:
    """`python -m infra.topics` and `python -m infra.acls`: topics and rights, made as the cluster's administrator."""

    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    log: LogSettings = field(default_factory=LogSettings)


@dataclass(frozen=True, kw_only=True)
class SetupSettings:
    """`python -m infra.setup`: what the servers on AWS must hold, brought there by a task inside their network.

    libpq's `PGUSER` and `PGPASSWORD` say who the database's owner is.
    """

    postgres_url: str = setting("POSTGRES_URL", "libpq URL of the database.", secret=True)
    service_b_password: str = setting("SERVICE_B_PASSWORD", "Password to set for service B's role.", secret=True)
    query_password: str = setting("QUERY_PASSWORD", "Password to set for the query's role.", secret=True)
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    log: LogSettings = field(default_factory=LogSettings)
