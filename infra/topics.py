"""`python -m infra.topics`: makes the Kafka topics, of events and all that goes with them, as an administrator."""

import asyncio
import sys

import structlog
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError, for_code

from pipeline.clients.kafka import admin
from pipeline.core.errors import MensageriaError
from pipeline.core.settings import read
from pipeline.core.settings.infra import KafkaAdminSettings
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.telemetry import logs

_DEAD_LETTER_BYTES = 2 * 1024**2
"""A dead letter holds the largest record in base64."""

_PENDING_RETENTION_MS = 14 * 86_400_000
"""As long as SQS keeps a message, which is how long SNS may be out."""

_SHORT_LIVED = {"retention.ms": "3600000", "segment.ms": "600000"}
"""Nobody waits for a receipt for longer than half a minute, and a gateway repeats what it follows."""

_log = structlog.get_logger(__name__)


class TopicRefused(MensageriaError):
    """Kafka did not make a topic; the text has its reason."""


async def make(settings: KafkaSettings) -> None:
    """Make the topics of `settings` that aren't there. Safe to repeat. Raises TopicRefused."""
    copies = settings.replication_factor
    limit = {"max.message.bytes": str(_DEAD_LETTER_BYTES)}
    wanted = [
        NewTopic(settings.topic, settings.partitions, copies),
        NewTopic(settings.dead_letter_topic, 1, copies, topic_configs=limit),
        NewTopic(settings.receipts_topic, 1, copies, topic_configs=_SHORT_LIVED),
        NewTopic(settings.journeys_topic, 1, copies, topic_configs=_SHORT_LIVED),
        NewTopic(settings.pending_topic, 1, copies, topic_configs={"retention.ms": str(_PENDING_RETENTION_MS)}),
    ]
    client = admin(settings)
    await client.start()
    try:
        there = await client.list_topics()
        missing = [topic for topic in wanted if topic.name not in there]
        if not missing:
            return
        answer = await client.create_topics(missing, timeout_ms=10_000)
    finally:
        await client.close()
    for name, code, *detail in answer.topic_errors:
        if code:
            raise TopicRefused(f"the topic {name}: {for_code(code).__name__} {detail}")


def main() -> None:
    """Make them, and end."""
    try:
        settings = read(KafkaAdminSettings)
        logs.configure("topics", settings.log)
        asyncio.run(make(settings.kafka))
    except (MensageriaError, KafkaError) as error:
        sys.exit(f"topics: {error}")
    kafka = settings.kafka
    made = (kafka.topic, kafka.dead_letter_topic, kafka.pending_topic, kafka.receipts_topic, kafka.journeys_topic)
    _log.info("made", topics=made)


if __name__ == "__main__":
    main()
