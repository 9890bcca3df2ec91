"""Apache Kafka: one node in KRaft mode, broker and controller in one process."""

import uuid
from dataclasses import replace

from infra import topics
from pipeline.core.settings import inherited
from pipeline.core.settings.kafka import KafkaSettings
from stack import process
from stack.errors import PartFailed
from stack.home import ROOT, Home
from stack.java import java
from stack.part import Part
from stack.ports import HOST, Ports
from stack.probes import listens

RETENTION_HOURS = 14 * 24
"""As long as the queues keep their messages."""

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
log.dirs={data}
log.retention.hours={retention_hours}
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=1000
metadata.max.idle.interval.ms=10000
num.network.threads=1
num.io.threads=2
log.cleaner.dedupe.buffer.size=4194304
"""
"""For one broker and a few clients on a laptop:

- After a kill a broker is let in again once the session of the one before it is over: 9 s by Kafka's default.
- Each thread of the network and of requests wakes up three times a second, and the controller writes a record twice
  a second for controllers on standby, of which there are none.
- The log cleaner takes its buffer, 128 MB by default, as it starts: 4 MB hold the keys of 170,000 offsets.
"""
_LOGGING = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "-Dorg.slf4j.simpleLogger.showThreadName=false",
    "-Dorg.slf4j.simpleLogger.showShortLogName=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server=info",
)


def part(home: Home, ports: Ports, settings: KafkaSettings) -> Part:
    """The broker, with the topics of `settings`."""
    file = home.folder("kafka") / "server.properties"

    async def prepare() -> None:
        file.write_text(properties(home, ports))
        await _format(home)

    async def lay_out() -> None:
        await topics.make(replace(settings, bootstrap_servers=f"{HOST}:{ports.kafka}"))

    return Part(
        name="kafka",
        command=(*java("kafka", "kafka.Kafka", "-Xms32m", "-Xmx256m", *_LOGGING), str(file)),
        environment=inherited(),
        prepare=prepare,
        data=file.parent,
        probe=listens(ports.kafka),
        lay_out=lay_out,
        stop_timeout_s=14,
    )


def properties(home: Home, ports: Ports) -> str:
    """The broker's settings, as a properties file."""
    return _PROPERTIES.format(
        host=HOST,
        port=ports.kafka,
        controller_port=ports.kafka_controller,
        data=home.path / "kafka" / "data",
        retention_hours=RETENTION_HOURS,
    )


async def _format(home: Home) -> None:
    """Make the data folder, once."""
    if (home.path / "kafka" / "data" / "meta.properties").exists():
        return
    cluster = uuid.uuid4().hex[:22]
    command = (
        *java("kafka", "kafka.tools.StorageTool", "-Xmx64m", *_LOGGING),
        *("format", "--cluster-id", cluster, "--ignore-formatted"),
        *("--config", str(home.path / "kafka" / "server.properties")),
    )
    log = home.log("kafka")
    if await process.run(command, inherited(), log, ROOT, deadline_s=60):
        raise PartFailed("kafka", "could not make its data folder", log)
