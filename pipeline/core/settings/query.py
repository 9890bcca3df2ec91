"""The query Lambda."""

from dataclasses import dataclass
from typing import Literal

from pipeline.core.settings.shared import CursorSettings, ReaderSettings, TableSettings
from pipeline.core.variables import setting


@dataclass(frozen=True, kw_only=True)
class AwsSettings:
    """What the query signs its calls of AWS with: the SDKs' own variables, which Lambda sets."""

    region: str = setting("REGION", "The region.", prefix="AWS_")
    access_key: str = setting("ACCESS_KEY_ID", "The role's key id.", prefix="AWS_")
    secret_key: str = setting("SECRET_ACCESS_KEY", "The role's key.", prefix="AWS_", secret=True)
    session_token: str = setting("SESSION_TOKEN", "The role's token.", default="", prefix="AWS_", secret=True)
    endpoint_url: str = setting("ENDPOINT_URL", "Where all AWS services are, if not at AWS.", default="", prefix="AWS_")
    dynamodb_url: str = setting(
        "ENDPOINT_URL_DYNAMODB", "Where DynamoDB is, if elsewhere still.", default="", prefix="AWS_"
    )

    def endpoint(self, service: str) -> str:
        """The base URL of `service`."""
        own = self.dynamodb_url if service == "dynamodb" else ""
        return own or self.endpoint_url or f"https://{service}.{self.region}.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class SecretSettings:
    """The query Lambda: where it finds secrets that its environment lacks."""

    secret: str = setting(
        "QUERY_SECRET",
        "ARN of a secret in Secrets Manager: a JSON object of variables of the query below, which count before"
        " the environment's.",
        default="",
    )


@dataclass(frozen=True, kw_only=True)
class QuerySettings(CursorSettings, TableSettings, ReaderSettings):
    """The query Lambda."""

    access: Literal["keys", "open"] = setting(
        "QUERY_ACCESS", "Access to the query: `keys` needs one of the keys, `open` none.", default="keys"
    )
    keys: str = setting(
        "QUERY_KEYS", "The keys' lines as in the gateway's file of keys, with commas between.", default="", secret=True
    )
    store_timeout_s: float = setting(
        "QUERY_STORE_TIMEOUT_S", "Longest wait for the stores, for one request in all.", default=3.0, least=0.1, most=29
    )
    aws: AwsSettings
