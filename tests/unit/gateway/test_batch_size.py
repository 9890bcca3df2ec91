"""How micro-batches fill: at once where events are few, in company where they are many."""

import asyncio

from gateway.legs.sns_batches import SnsBatches
from tests.support.publications import make
from tests.unit.gateway.test_sns_batches import Sns


async def publish_at(batches: SnsBatches, gap_s: float, events: int) -> None:
    """Publish one event every `gap_s` seconds."""
    loop = asyncio.get_running_loop()
    begun, waiting = loop.time(), []
    for number in range(events):
        await asyncio.sleep(begun + number * gap_s - loop.time())
        waiting.append(batches.publish(make(number)))
    await asyncio.gather(*waiting)


async def test_many_events_share_calls_even_when_no_call_is_under_way() -> None:
    sns = Sns()
    await publish_at(SnsBatches(sns.publish, 5), 0.0005, 300)
    assert len(sns.calls) < 100


async def test_few_events_do_not_wait_for_one_another() -> None:
    sns = Sns()
    await publish_at(SnsBatches(sns.publish, 5), 0.02, 10)
    assert len(sns.calls) == 10
