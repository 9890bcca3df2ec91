"""The steady sender sends each event until it has its 202, whatever happens meanwhile."""

import asyncio
import json
from collections import Counter

from bench.rigs import steady_sender
from tests.support.waiting import until
from tests.unit.bench.test_load import ACCEPTED, server


async def test_every_event_is_sent_until_it_is_accepted() -> None:
    tries: Counter[str] = Counter()

    async def refuse_then_hang_up_then_accept(body: bytes, writer: asyncio.StreamWriter) -> None:
        id_ = json.loads(body)["id"]
        tries[id_] += 1
        match tries[id_]:
            case 1:
                writer.write(b"HTTP/1.1 503 \r\ncontent-length: 0\r\n\r\n")
            case 2:
                writer.close()
            case _:
                writer.write(ACCEPTED)

    async with server(refuse_then_hang_up_then_accept) as port:
        async with steady_sender.sending(f"http://127.0.0.1:{port}", rate_per_s=100) as sender:

            async def some_are_due() -> bool:
                return sender.due >= 20

            await until(some_are_due, within_s=5)
        assert sender.accepted == sender.due == len(tries)
    assert set(tries.values()) == {3}
