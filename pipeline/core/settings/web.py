"""The web pages."""

from dataclasses import dataclass, field
from typing import Literal

from pipeline.core.settings.process import LogSettings
from pipeline.core.settings.shared import ApiSettings
from pipeline.core.settings.tools import HealthSettings, QueueSettings
from pipeline.core.variables import setting


@dataclass(frozen=True, kw_only=True)
class LoginSettings:
    """The web pages: login by OpenID Connect. Without all of these, loopback only."""

    issuer: str = setting("LOGIN_ISSUER", "Issuer of the OpenID provider, a URL.")
    client_id: str = setting("LOGIN_CLIENT_ID", "Web's client id at the provider.")
    client_secret: str = setting("LOGIN_CLIENT_SECRET", "The client's secret.", secret=True)
    session_key: str = setting(
        "LOGIN_SESSION_KEY", "Key that signs the session cookie, at least 32 characters.", secret=True
    )
    roles_claim: str = setting(
        "LOGIN_ROLES_CLAIM", "Claim of the ID token with the roles: `reader`, `publisher`, `operator`.", default="roles"
    )
    session_hours: float = setting(
        "LOGIN_SESSION_HOURS", "Hours after which one logs in again.", default=8.0, least=0.0001, most=8760
    )


@dataclass(frozen=True, kw_only=True)
class WebSettings(ApiSettings):
    """The web pages."""

    host: str = setting("WEB_HOST", "Address to listen on.", default="127.0.0.1")
    port: int = setting("WEB_PORT", "Port to listen on.", default=8080, least=1, most=65535)
    guard: Literal["none", "proxy"] = setting(
        "WEB_GUARD",
        "`proxy`: an authenticating proxy in front of web admits only people who may publish and operate; without it "
        "and without a login, loopback only.",
        default="none",
    )
    host_names: str = setting(
        "WEB_HOST_NAMES",
        "Names that browsers call web by beside those of loopback, without port, with commas between.",
        default="",
    )
    trace_url: str = setting(
        "TRACE_URL",
        "Address of a trace in a trace viewer, such as `http://127.0.0.1:16686/trace/{trace_id}`, for an event's page.",
        default="",
    )
    timeout_s: float = setting(
        "WEB_TIMEOUT_S", "Longest wait for the gateway's answer.", default=10.0, least=0.1, most=3600
    )
    query_timeout_s: float = setting(
        "WEB_QUERY_TIMEOUT_S",
        "Longest wait for the query, for one page in all: more than `MENSAGERIA_QUERY_STORE_TIMEOUT_S`, so that the "
        "query can still answer from one store.",
        default=3.5,
        least=0.1,
        most=3600,
    )
    watch_every_s: float = setting(
        "WEB_WATCH_EVERY_S",
        "How often the state of the pipeline is taken while somebody has /pipeline open.",
        default=3.0,
        least=0.1,
        most=3600,
    )
    backlog_every_s: float = setting(
        "WEB_BACKLOG_EVERY_S",
        "How often it is taken otherwise, for the backlog in /metrics and for the charts.",
        default=15.0,
        least=0.1,
        most=3600,
    )
    health: HealthSettings = field(default_factory=HealthSettings)
    queues: QueueSettings | None = None
    login: LoginSettings | None = None
    log: LogSettings = field(default_factory=LogSettings)
