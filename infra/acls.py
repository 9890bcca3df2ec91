"""`python -m infra.acls`: give each user of a Kafka cluster the rights that its service needs, and no other.

Run it as an administrator of the cluster; on Amazon MSK too. The users themselves are made where
their passwords are kept: on MSK by a secret for each, elsewhere by `kafka-configs.sh`.
"""

import asyncio
import sys
from typing import NamedTuple

import structlog
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import CreateAclsRequest

from pipeline.clients import kafka, kafka_access
from pipeline.core.errors import AccessRefused, MensageriaError
from pipeline.core.settings import read
from pipeline.core.settings.infra import KafkaAdminSettings
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.ways import HEALER_GROUP, SERVICE_B, SERVICE_C
from pipeline.telemetry import logs

GATEWAY, OPERATOR = "gateway", "operator"
"""The users: who publishes, the services, and who looks after dead letters (web and the command)."""

_TIMEOUT_MS = 10_000
_TOPIC, _GROUP = 2, 3
_READ, _WRITE, _DELETE, _DESCRIBE = 3, 4, 6, 8
_LITERAL, _ALLOW = 3, 3
"""Kafka's codes: ResourceType, AclOperation, PatternType, AclPermissionType. Reading and writing include describing."""

_log = structlog.get_logger(__name__)


class Right(NamedTuple):
    """That `user` may do `operation` on one topic or group."""

    user: str
    resource_type: int
    resource: str
    operation: int


def rights(settings: KafkaSettings) -> list[Right]:
    """All that the services need, and nothing else."""
    events, dead_letters, pending = settings.topic, settings.dead_letter_topic, settings.pending_topic
    return [
        Right(GATEWAY, _TOPIC, events, _WRITE),
        Right(GATEWAY, _TOPIC, pending, _WRITE),
        Right(GATEWAY, _TOPIC, settings.receipts_topic, _READ),
        *(Right(user, _TOPIC, settings.receipts_topic, _WRITE) for user in (SERVICE_B, SERVICE_C)),
        Right(GATEWAY, _TOPIC, settings.journeys_topic, _WRITE),
        *(Right(user, _TOPIC, settings.journeys_topic, _READ) for user in (SERVICE_B, SERVICE_C)),
        *(Right(SERVICE_C, _TOPIC, events, operation) for operation in (_READ, _WRITE)),
        Right(SERVICE_C, _TOPIC, pending, _READ),
        Right(SERVICE_C, _GROUP, HEALER_GROUP, _READ),
        Right(SERVICE_C, _GROUP, SERVICE_C, _READ),
        Right(SERVICE_C, _TOPIC, dead_letters, _WRITE),
        Right(OPERATOR, _TOPIC, events, _DESCRIBE),
        Right(OPERATOR, _TOPIC, events, _WRITE),
        Right(OPERATOR, _TOPIC, pending, _DESCRIBE),
        *(Right(OPERATOR, _GROUP, group, _DESCRIBE) for group in (SERVICE_C, HEALER_GROUP)),
        *(Right(OPERATOR, _TOPIC, dead_letters, operation) for operation in (_READ, _WRITE, _DELETE)),
    ]


async def grant(settings: KafkaSettings) -> None:
    """Give all rights. Safe to repeat. Raises AccessRefused where this user may not, and KafkaError."""
    await kafka_access.require(settings, topics=())
    async with kafka.client(settings, timeout_ms=_TIMEOUT_MS) as client:
        for right in rights(settings):
            request = CreateAclsRequest(
                right.resource_type, right.resource, _LITERAL, f"User:{right.user}", "*", right.operation, _ALLOW
            )
            answer = await client.send(client.get_random_node(), request)
            for code, why in answer.creation_responses:
                if code:
                    raise AccessRefused(f"kafka gives {right.user} no right: {for_code(code).__name__} {why}")


def main() -> None:
    """Grant, and end."""
    try:
        settings = read(KafkaAdminSettings)
        logs.configure("acls", settings.log)
        asyncio.run(grant(settings.kafka))
    except (MensageriaError, KafkaError) as error:
        sys.exit(f"acls: {error}")
    _log.info("granted", rights=len(rights(settings.kafka)))


if __name__ == "__main__":
    main()
