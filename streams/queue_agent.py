"""The agent that settles what an SQS bridge brings."""

from collections.abc import Callable
from typing import Any

import faust

from pipeline.settings import WorkerSettings
from streams.batch_channel import BatchChannel
from streams.intake import Intake, Interrupted
from streams.sqs_bridge import SqsBridge


def add_queue_agent(app: faust.App, name: str, intake: Intake, queue_url: str, settings: WorkerSettings) -> None:
    """Give `app` a bridge from `queue_url` and the agent `name` that settles its batches."""
    channel = BatchChannel(app)
    stopping: Callable[[], bool] = lambda: app.should_stop  # noqa: E731
    app.service(SqsBridge(queue_url, channel, settings, stopping))

    @app.agent(channel, name=name)  # type: ignore[untyped-decorator]
    async def settle(batches: Any) -> None:
        async for batch in batches:
            try:
                await intake.settle(batch.arrivals, stopping)
            except Interrupted:
                batch.settled.set_result(False)
            else:
                batch.settled.set_result(True)
