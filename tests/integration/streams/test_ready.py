"""Services B and C say that they are ready when they can take their share of the work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from pipeline.clients import kafka
from pipeline.core.settings.kafka import KafkaSettings
from tests.support.waiting import until
from tests.support.worker_process import Worker, worker

GROUP = "service-c"


async def test_c_is_ready_once_it_is_a_member_of_its_group(aws: dict[str, str], tmp_path: Path) -> None:
    async with administering(aws["kafka"]) as admin:
        await until(lambda: is_alone(admin), within_s=60)
        before = await group(admin)
        async with worker("service_c", tmp_path, aws) as another:
            await until(lambda: is_ready(another), within_s=60, every_s=0.02)
            joined = await group(admin)
            assert (joined["state"], len(joined["members"])) == ("Stable", len(before["members"]) + 1)
            await another.stop()


async def is_ready(one: Worker) -> bool:
    answer = await one.answers("/readyz")
    return answer is not None and answer.status_code == 200


@asynccontextmanager
async def administering(broker: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = kafka.admin(KafkaSettings(bootstrap_servers=broker))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def is_alone(admin: AIOKafkaAdminClient) -> bool:
    """Whether the system's own worker is the only member: one that another test killed leaves after its session."""
    found = await group(admin)
    return bool(found["state"] == "Stable" and len(found["members"]) == 1)


async def group(admin: AIOKafkaAdminClient) -> dict[str, Any]:
    [answer] = await admin.describe_consumer_groups([GROUP])
    described: dict[str, Any] = answer.to_object()["groups"][0]
    return described
