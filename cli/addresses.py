"""The addresses of the system: from the environment, or from the file that `make run` writes.

Never from both: half of one system and half of another would be mended, replayed or
erased together.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from operations.connections import Connections
from pipeline.clients import aws
from pipeline.clients.sqs import PENDING_QUEUE, queue_beside
from pipeline.core.errors import MensageriaError
from pipeline.core.settings import given, read
from pipeline.core.settings.stack import StackSettings
from pipeline.core.settings.tools import EdgeSettings, HealthSettings, QueueSettings, StoreSettings

_ROOT = Path(__file__).resolve().parent.parent
_NAMES = {
    "gateway": "GATEWAY_URL",
    "query": "QUERY_URL",
    "web": "WEB_URL",
    "service_b": "SERVICE_B_URL",
    "service_c": "SERVICE_C_URL",
    "queue_b": "QUEUE_B_URL",
    "queue_c": "QUEUE_C_URL",
    "dead_letter_b": "DEAD_LETTER_B_URL",
    "dead_letter_c": "DEAD_LETTER_C_URL",
    "kafka": "KAFKA_BOOTSTRAP_SERVERS",
    "kafka_topic": "KAFKA_TOPIC",
    "kafka_dead_letter_topic": "KAFKA_DEAD_LETTER_TOPIC",
    "postgres": "POSTGRES_URL",
    "table": "TABLE",
}
"""The setting of each address in endpoints.json."""
_ENDPOINTS = ("aws", "dynamodb", "region", "access_key", "secret_key")
"""What endpoints.json has beside, for the AWS SDK."""
_KINDS = (EdgeSettings, HealthSettings, QueueSettings, StoreSettings)
T = TypeVar("T")


class NoSystem(MensageriaError):
    """Neither the environment nor a whole endpoints.json says where the system is."""

    retriable = True


@dataclass(frozen=True)
class Addresses:
    """One system's settings; `sqs` and `dynamodb` are None where the AWS SDK's own settings name them."""

    settings: dict[str, str] = field(repr=False)
    sqs: aws.Endpoint | None = None
    dynamodb: aws.Endpoint | None = None

    def read(self, kind: type[T]) -> T:
        """The settings class `kind`. Raises SettingsError."""
        return read(kind, self.settings)

    @property
    def places(self) -> Connections:
        """The queues, the topic and their dead letters. Raises SettingsError."""
        return Connections(self.read(QueueSettings), self.sqs)


def find() -> Addresses:
    """The system that the environment names, else the one that runs on `MENSAGERIA_HOME` or `.local/`.

    Raises NoSystem.
    """
    own = {name: value for kind in _KINDS for name, value in given(kind).items()}
    if any(f"MENSAGERIA_{name}" in own for name in _NAMES.values()):
        return Addresses(own)
    home = Path(given(StackSettings).get("MENSAGERIA_HOME", _ROOT / ".local"))
    told = _told(home / "endpoints.json")
    settings = {f"MENSAGERIA_{name}": told[key] for key, name in _NAMES.items()}
    settings["MENSAGERIA_PENDING_QUEUE_URL"] = queue_beside(told["queue_b"], PENDING_QUEUE)
    return Addresses(own | settings, _endpoint(told, "aws"), _endpoint(told, "dynamodb"))


def _told(file: Path) -> dict[str, str]:
    try:
        told = json.loads(file.read_text())
    except FileNotFoundError:
        raise NoSystem(
            f"no system runs on {file.parent}: start it with `make run`, name its folder in MENSAGERIA_HOME,"
            " or set MENSAGERIA_GATEWAY_URL and the others of docs/settings.md"
        ) from None
    except (OSError, ValueError) as error:
        raise NoSystem(f"{file} can't be read ({error}): `make run` writes it") from error
    texts = {key: value for key, value in told.items() if isinstance(value, str)} if isinstance(told, dict) else {}
    if lacking := [key for key in (*_NAMES, *_ENDPOINTS) if key not in texts]:
        raise NoSystem(f"{file} is not whole, as it lacks {', '.join(lacking)}: `make run` writes it")
    return texts


def _endpoint(told: dict[str, str], name: str) -> aws.Endpoint:
    return aws.Endpoint(
        endpoint_url=told[name],
        region_name=told["region"],
        aws_access_key_id=told["access_key"],
        aws_secret_access_key=told["secret_key"],
    )
