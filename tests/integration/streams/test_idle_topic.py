"""The watch of service C over a topic in which nothing is left to read."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from stack.http_client import http_client
from tests.support.foreign_records import Watched, event, producing, put, stored
from tests.support.running_system import System, running

STUCK_AFTER_S = 3


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[System]:
    """A system whose services end themselves soon where nothing moves."""
    with running(tmp_path, WORKER_STUCK_AFTER_S=str(STUCK_AFTER_S)) as one:
        yield one


@pytest.mark.timeout(180)
async def test_markers_and_records_that_are_gone_are_no_work(impatient: System, source: str) -> None:
    addresses = impatient.endpoints
    servers, topic = addresses["kafka"], addresses["kafka_topic"]
    async with (
        http_client(timeout=10) as http,
        http_client(base_url=addresses["query"], timeout=30) as query,
        producing(servers) as plain,
        producing(servers, transactional_id=source) as transactional,
    ):
        watched = Watched(impatient, http)
        for is_kept in (True, False):
            await transactional.begin_transaction()
            await transactional.send_and_wait(topic, event(source, f"tx-{is_kept}"), partition=0)
            await (transactional.commit_transaction if is_kept else transactional.abort_transaction)()
        await stored(query, source, "tx-True")
        pid = impatient.pid("service-c")
        os.kill(pid, signal.SIGSTOP)
        try:
            last = [await put(plain, topic, event(source, str(number)), partition=3) for number in range(20)][-1]
            admin = AIOKafkaAdminClient(bootstrap_servers=servers)
            await admin.start()
            await admin.delete_records({TopicPartition(topic, 3): RecordsToDelete(last + 1)})
            await admin.close()
        finally:
            os.kill(pid, signal.SIGCONT)
        await watched.rest()
        end = time.monotonic() + 3 * STUCK_AFTER_S
        while time.monotonic() < end:
            answer = await http.get(f"{addresses['service_c']}/healthz")
            assert answer.status_code == 200, answer.text
            watched.require_no_restart()
            await asyncio.sleep(0.5)
    assert "stuck" not in (impatient.home / "logs" / "service-c.log").read_text()
