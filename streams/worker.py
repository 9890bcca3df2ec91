"""The Faust app that services B and C are: settings, each with its reason, and the web pages."""

from typing import Protocol

import faust
import stamina.instrumentation
import uvloop
from faust import streams as faust_streams
from faust import web
from faust.app import BootStrategy
from prometheus_client import CollectorRegistry, generate_latest

from pipeline import metrics
from pipeline.errors import StoreUnavailable
from pipeline.logs import configure, logging_config
from pipeline.settings import KafkaSettings, WorkerSettings
from streams.store import Store


class WithoutKafka(BootStrategy):  # type: ignore[misc]
    """Service B has no topic, so it needs no broker."""

    enable_kafka = False


class QueueApp(faust.App):  # type: ignore[misc]
    """A Faust app that is fed by SQS alone."""

    BootStrategy = WithoutKafka


def create_worker(service: str, settings: WorkerSettings, kafka: KafkaSettings | None = None) -> faust.App:
    """The Faust app `service`, with a Kafka consumer where `kafka` is given."""
    if faust_streams._CStreamIterator is None:
        raise RuntimeError("faust has no compiled streams here, and the slow ones lose events: install a wheel of it")
    uvloop.install()
    configure(service, settings.log)
    stamina.instrumentation.set_on_retry_hooks([])  # each failed try is logged where it is known what failed
    data_dir = settings.data_dir / service
    data_dir.mkdir(parents=True, exist_ok=True)
    brokers = kafka.bootstrap_servers if kafka else ""
    return (faust.App if kafka else QueueApp)(
        service,
        broker=[f"kafka://{broker}" for broker in brokers.split(",")],
        datadir=data_dir,
        logging_config=logging_config(service, settings.log),
        # Events of an earlier life of the group are not skipped.
        consumer_auto_offset_reset="earliest",
        # A kill stalls its partitions for the session timeout.
        broker_session_timeout=10,
        # Unless it comes back under the name that the group knows.
        consumer_group_instance_id=settings.instance or None,
        broker_heartbeat_interval=3,
        # Above the session and the fetch wait, as aiokafka asks.
        broker_request_timeout=90,
        # A batch waits as long as its store is away: the group must not lose its member.
        broker_max_poll_interval=3600,
        broker_max_poll_records=1000,
        broker_rebalance_timeout=60,
        broker_commit_interval=1.0,
        broker_commit_every=5000,
        consumer_max_fetch_size=2 * 1024**2,
        # A topic that is made later is seen within seconds, not 5 minutes.
        consumer_metadata_max_age_ms=5000,
        stream_buffer_maxsize=4096,
        # What is in flight is settled before partitions are given up.
        stream_wait_empty=True,
        # Any delay here is added to every assignment.
        stream_recovery_delay=0,
        # Faust would call a batch that waits for its store stuck.
        stream_processing_timeout=900,
        broker_commit_livelock_soft_timeout=900,
        producer_acks=-1,
        producer_request_timeout=30,
        producer_max_request_size=2 * 1024**2,
        # The topics are made by whoever lays out Kafka, never by accident.
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        web_bind=settings.web_host,
        web_stats_enabled=True,
        web_tables_enabled=False,
        web_router_enabled=False,
    )


def add_pages(app: faust.App, store: Store, registry: CollectorRegistry) -> None:
    """Give `app` /healthz, /readyz and /metrics."""

    @app.page("/healthz")  # type: ignore[untyped-decorator]
    async def healthz(view: web.View, _request: web.Request) -> web.Response:
        return view.json({"status": "ok"})

    @app.page("/readyz")  # type: ignore[untyped-decorator]
    async def readyz(view: web.View, _request: web.Request) -> web.Response:
        try:
            await store.ping()
        except StoreUnavailable as error:
            return view.json({"status": "not ready", "missing": str(error)}, status=503)
        return view.json({"status": "ready"})

    @app.page("/metrics")  # type: ignore[untyped-decorator]
    async def metrics_page(view: web.View, _request: web.Request) -> web.Response:
        return view.bytes(generate_latest(registry), headers={"Content-Type": metrics.CONTENT_TYPE})


class Closing(Protocol):
    """What holds connections."""

    async def close(self) -> None:
        """Let go of them."""
        ...


def close_at_shutdown(app: faust.App, *resources: Closing) -> None:
    """Close `resources` when the agents and services of `app` have ended."""
    for resource in resources:
        app.async_exit_stack.push_async_callback(resource.close)
