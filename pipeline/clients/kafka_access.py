"""Check of this process' rights on a Kafka cluster.

aiokafka takes a refused password for a broker that can't be reached and tries for ever,
and so it does with a topic that it may not see: who starts asks here first.
"""

import asyncio
import ssl
from collections.abc import Sequence

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.conn import create_conn
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
)

from pipeline.clients import kafka
from pipeline.core.errors import AccessRefused
from pipeline.core.settings.kafka import KafkaSettings

_TIMEOUT_MS = 3000
_ADVICE = "`python -m infra.acls`, run by an administrator, gives each service its rights"
_REFUSALS = (SaslAuthenticationFailed, ssl.SSLCertVerificationError)


async def require(settings: KafkaSettings, *, topics: Sequence[str], group: str | None = None) -> None:
    """Returns where a broker answers and shows `topics` and `group` to this user.

    Raises AccessRefused where it won't, and KafkaConnectionError where no broker answers.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_MS / 1000), kafka.client(settings, timeout_ms=_TIMEOUT_MS) as client:
            await _require_topics(client, settings, topics)
            if group:
                await _require_group(client, settings, group)
    except TimeoutError:
        raise KafkaConnectionError(f"no broker answers at {settings.bootstrap_servers}") from None
    except KafkaConnectionError:
        await _require_connection(settings)
        raise


async def _require_topics(client: AIOKafkaClient, settings: KafkaSettings, topics: Sequence[str]) -> None:
    await client.set_topics(topics)
    if refused := sorted(client.cluster.unauthorized_topics & set(topics)):
        raise AccessRefused(f"{_who(settings)} no right to the topic {', '.join(refused)}; {_ADVICE}")


async def _require_group(client: AIOKafkaClient, settings: KafkaSettings, group: str) -> None:
    try:
        await client.coordinator_lookup(CoordinationType.GROUP, group)
    except GroupAuthorizationFailedError:
        raise AccessRefused(f"{_who(settings)} no right to the group {group}; {_ADVICE}") from None
    except KafkaError as error:
        raise KafkaConnectionError(f"the group {group} has no coordinator yet: {error!r}") from error


async def _require_connection(settings: KafkaSettings) -> None:
    """Raises AccessRefused where a broker is there and won't have us: aiokafka's own error doesn't tell."""
    told = kafka.connection(settings)
    for broker in told.pop("bootstrap_servers").split(","):
        host, _, port = broker.strip().rpartition(":")
        try:
            connected = await create_conn(host, int(port), request_timeout_ms=_TIMEOUT_MS, **told)
        except _REFUSALS as error:
            raise AccessRefused(f"{_who(settings)} no access: {error}") from error
        except (OSError, KafkaError, TimeoutError):
            continue
        connected.close()


def _who(settings: KafkaSettings) -> str:
    return f"kafka at {settings.bootstrap_servers} gives {settings.username or 'a client without a name'}"
