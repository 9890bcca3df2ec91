"""The Faust apps that services B and C are made of: every setting of Faust, each with its reason."""

import gc
import sys
from pathlib import Path
from typing import Any, TypeVar

import faust
import uvloop
from faust import streams as faust_streams
from faust.app import BootStrategy
from faust.auth import Credentials, SASLCredentials, SSLCredentials

from pipeline.clients import kafka, kafka_connections, kafka_records
from pipeline.core.errors import SettingsError
from pipeline.core.settings import read
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.settings.workers import WorkerSettings
from pipeline.telemetry.logs import configure, logging_config
from streams.read_positions import PositionTransport

T = TypeVar("T")
_YOUNG_OBJECTS = 50_000
"""Allocations between two garbage collections. A batch is some thousand objects that reference counts
free; with Python's 700 the collector looks at them a dozen times, for a tenth of the CPU."""

_WITHOUT_TABLES: dict[str, Any] = {"topic_disable_leader": True, "table_standby_replicas": 0}

_TOPIC_APP: dict[str, Any] = {
    # Events of an earlier life of the group are not skipped.
    "consumer_auto_offset_reset": "earliest",
    "broker_session_timeout": 10,
    "broker_heartbeat_interval": 3,
    # Above the session and the fetch wait, as aiokafka asks.
    "broker_request_timeout": 90,
    # A batch waits as long as its store is away: the group must not lose its member.
    "broker_max_poll_interval": 3600,
    "broker_max_poll_records": 1000,
    "broker_rebalance_timeout": 60,
    "broker_commit_interval": 1.0,
    "broker_commit_every": 5000,
    "consumer_max_fetch_size": 2 * 1024**2,
    # A topic that is made later is seen within seconds, not 5 minutes.
    "consumer_metadata_max_age_ms": 5000,
    # When it is full Faust pauses all partitions for a second: 4,096 cost three quarters of the speed.
    # PositionTransport bounds the bytes of what is in it.
    "stream_buffer_maxsize": 65_536,
    # What is in flight is settled before partitions are given up.
    "stream_wait_empty": True,
    # Any delay here is added to every assignment.
    "stream_recovery_delay": 0,
    # Faust would call a batch that waits for its store stuck; streams/liveness.py knows better.
    "stream_processing_timeout": 900,
    "broker_commit_livelock_soft_timeout": 900,
    "producer_acks": -1,
    "producer_request_timeout": 30,
    "producer_max_request_size": 2 * 1024**2,
    # The topics are made by whoever lays out Kafka, never by accident.
    "topic_allow_declare": False,
    # The worker's own web server answers.
    "web_enabled": False,
}
"""Faust's settings of every app with a Kafka consumer."""


class WithoutKafka(BootStrategy):  # type: ignore[misc]
    """What the queues bring needs no broker."""

    enable_kafka = False


class QueueApp(faust.App):  # type: ignore[misc]
    """A Faust app that is fed by SQS alone."""

    BootStrategy = WithoutKafka


def worker_settings(service: str, kind: type[T]) -> T:
    """The settings of `service`. Ends the process, with the reason in one line, where one is missing or wrong."""
    try:
        return read(kind)
    except SettingsError as error:
        sys.exit(f"{service}: {error}")


def create_worker(service: str, settings: WorkerSettings) -> faust.App:
    """The Faust app that `faust -A` runs: agents on queues, the web pages, and no Kafka.

    Raises RuntimeError where Faust was installed without its compiled streams.
    """
    if faust_streams._CStreamIterator is None:
        raise RuntimeError("faust has no compiled streams here, and the slow ones lose events: install a wheel of it")
    uvloop.install()
    gc.set_threshold(_YOUNG_OBJECTS)
    configure(service, settings.log)
    return QueueApp(
        service,
        broker="kafka://unused",
        datadir=_data_folder(service, settings),
        logging_config=logging_config(service, settings.log),
        web_bind=settings.web_host,
        web_stats_enabled=True,
        web_tables_enabled=False,
        web_router_enabled=False,
        **_WITHOUT_TABLES,
    )


def create_topic_app(service: str, settings: WorkerSettings, cluster: KafkaSettings) -> faust.App:
    """The Faust app with the Kafka consumer, which runs inside the worker: the group is `service`."""
    app = faust.App(
        service,
        broker=[f"kafka://{broker}" for broker in cluster.bootstrap_servers.split(",")],
        broker_credentials=_credentials(cluster),
        datadir=_data_folder(service, settings),
        # A kill stalls its partitions for the session timeout, unless the worker comes back under the name that the
        # group knows.
        consumer_group_instance_id=settings.instance or None,
        **_TOPIC_APP,
        **_WITHOUT_TABLES,
    )
    kafka_connections.use_broker_connections()
    kafka_records.read_all_records()
    app.transport = PositionTransport(app.conf.broker_consumer, app, most_bytes=settings.in_flight_bytes)
    return app


def _credentials(settings: KafkaSettings) -> Credentials | None:
    """What `pipeline.clients.kafka.connection` says, in Faust's words."""
    match settings.security_protocol:
        case "SSL":
            return SSLCredentials(kafka.tls(settings))
        case "SASL_SSL":
            told = kafka.connection(settings)
            return SASLCredentials(
                username=told["sasl_plain_username"],
                password=told["sasl_plain_password"],
                ssl_context=told["ssl_context"],
                mechanism=told["sasl_mechanism"],
            )
    return None


def _data_folder(service: str, settings: WorkerSettings) -> Path:
    folder = settings.data_dir / service
    folder.mkdir(parents=True, exist_ok=True)
    return folder
