"""Services B and C with one thing broken at a time: what the kit must catch."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from stack.home import ROOT

_PACKAGES = ("pipeline", "streams")


@dataclass(frozen=True)
class Break:
    """A patch of one file: `before` stands in it once, and `after` goes in its place."""

    name: str
    service: str
    file: str
    before: str
    after: str

    def applied(self, source: str) -> str:
        """`source` with the patch. Raises ValueError where it doesn't apply any more."""
        if source.count(self.before) != 1:
            raise ValueError(f"{self.name}: the patch of {self.file} no longer applies")
        return source.replace(self.before, self.after)

    def build(self, folder: Path) -> Path:
        """A copy of the tree in `folder`, with the patch; its path."""
        for package in _PACKAGES:
            # With what is compiled, which is told by times and sizes, but nothing half written.
            shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("*.pyc.*"))
        file = folder / self.file
        file.write_text(self.applied(file.read_text()))
        return folder


BREAKS = (
    Break(
        name="acknowledges before the store has it",
        service="service-c",
        file="streams/topic_agent.py",
        before="""\
            try:
                await intake.settle([_arrival(event.message) for event in batch], interrupted, taken.release)
""",
        after="""\
            try:
                await taken.acknowledge(len(batch))
                await intake.settle([_arrival(event.message) for event in batch], interrupted, taken.release)
""",
    ),
    Break(
        name="inserts without ON CONFLICT",
        service="service-b",
        file="streams/sql/insert_events.sql",
        before="on conflict (source, id) do nothing\n",
        after="",
    ),
    Break(
        name="deletes before it writes",
        service="service-b",
        file="streams/sqs_bridge.py",
        before="            await self._channel.put(batch)\n",
        after="            await self._queue.delete(messages)\n            await self._channel.put(batch)\n",
    ),
    Break(
        name="commits past a failure",
        service="service-c",
        file="streams/topic_agent.py",
        before="                    app.consumer.unacked.discard(event.message)\n",
        after="                    await stream.ack(event)\n",
    ),
    Break(
        name="drops what a batch write left undone",
        service="service-c",
        file="streams/dynamodb.py",
        before="        if not (left_out := await self._put_items([copy.item for copy in copies])):\n",
        after="        if not (left_out := await self._put_items([copy.item for copy in copies])) or left_out:\n",
    ),
    Break(
        name="acknowledges pending events and publishes none",
        service="service-c",
        file="streams/healing.py",
        before="                await self._publish(part)\n",
        after="",
    ),
    Break(
        name="takes pending events for published while Kafka is out",
        service="service-c",
        file="streams/healing.py",
        before='            raise PartlyStored(published, f"kafka: {error!r}") from error\n',
        after="            return Stored(list(deliveries))\n",
    ),
)
