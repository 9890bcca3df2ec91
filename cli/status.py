"""The state of the system: whether each part is there, and what waits or lies dead."""

import asyncio
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from typing import Any

import httpx

from cli.addresses import Addresses
from cli.edges import Edges
from operations import readiness
from operations.connections import Connections
from operations.http_api import HttpApi, base_url, http_client
from operations.topic_lag import TopicLag
from pipeline.core.errors import MensageriaError
from pipeline.core.settings.tools import EdgeSettings, HealthSettings, QueueSettings
from pipeline.core.ways import HEALER_GROUP, SERVICE_C


@dataclass(frozen=True)
class Finding:
    """What is known of one part. `waiting`, `in_flight` and `dead_letters` are None where it has none of that.

    `is_degraded`: it works without what `detail` names.
    """

    part: str
    ok: bool
    detail: str = ""
    waiting: int | None = None
    in_flight: int | None = None
    dead_letters: int | None = None
    is_degraded: bool = False

    @property
    def state(self) -> str:
        """`ok`, `degraded` or `OUT`."""
        if not self.ok:
            return "OUT"
        return "degraded" if self.is_degraded else "ok"

    def shown(self) -> dict[str, Any]:
        """As JSON shows it."""
        shown = asdict(self)
        del shown["is_degraded"]
        return shown | {"state": self.state.lower()}


async def findings(addresses: Addresses) -> list[Finding]:
    """What is known of every part, each asked at the same time; one that can't be asked is a finding too."""
    settings, health, places = addresses.read(EdgeSettings), addresses.read(HealthSettings), addresses.places
    async with http_client(settings.timeout_s) as http:
        return await asyncio.gather(
            service(http, "gateway", settings.gateway_url),
            _known("query", _query(Edges(HttpApi(http, settings)))),
            service(http, "web", health.web_url),
            service(http, "service-b", health.service_b_url),
            service(http, "service-c", health.service_c_url),
            _known("queue b", _queue(places, "b")),
            _known("queue c", _queue(places, "c")),
            _known("kafka", _topic(places)),
            _known("pending sns", _pending_for_sns(places)),
            _known("pending kafka", _pending_for_kafka(addresses)),
        )


async def service(http: httpx.AsyncClient, part: str, url: str) -> Finding:
    """What the service at `url` says of itself."""
    try:
        answer = await http.get(f"{base_url(url)}/readyz")
    except httpx.TransportError as error:
        return Finding(part, ok=False, detail=f"no answer: {str(error) or type(error).__name__}")
    ready = readiness.of(answer)
    if ready.state == "not_ready":
        return Finding(part, ok=False, detail=f"{answer.status_code}: {ready.detail}")
    return Finding(part, ok=True, detail=ready.detail, is_degraded=ready.state == "degraded")


async def _query(edges: Edges) -> Finding:
    page = await edges.page({"limit": "1", "fields": "id"})
    absent = ", ".join(page["unavailable"])
    return Finding(
        "query", ok=True, detail=f"partial: {absent} did not answer" if absent else "", is_degraded=bool(absent)
    )


async def _known(part: str, asking: Awaitable[Finding]) -> Finding:
    try:
        return await asking
    except MensageriaError as error:
        return Finding(part, ok=False, detail=str(error))


async def _queue(places: Connections, name: Any) -> Finding:
    async with places.queue(name) as queue, places.queue(name, dead=True) as dead_letters:
        depth, dead = await queue.depth(), await dead_letters.depth()
    return Finding(f"queue {name}", True, "", depth.waiting, depth.in_flight, sum(dead))


async def _pending_for_sns(places: Connections) -> Finding:
    """Accepted events that the pending topic holds: SNS was out."""
    pending_lag = TopicLag.of_pending(places.settings.kafka, HEALER_GROUP)
    try:
        return Finding("pending sns", ok=True, waiting=sum((await pending_lag.read()).values()))
    finally:
        await pending_lag.close()


async def _pending_for_kafka(addresses: Addresses) -> Finding:
    """Accepted events that the pending queue holds: Kafka was out."""
    if not addresses.read(QueueSettings).pending_queue_url:
        return Finding("pending kafka", ok=True, detail="MENSAGERIA_PENDING_QUEUE_URL is not set")
    async with addresses.places.queue("pending") as queue:
        depth = await queue.depth()
    return Finding("pending kafka", ok=True, waiting=depth.waiting, in_flight=depth.in_flight)


async def _topic(places: Connections) -> Finding:
    topic_lag = TopicLag(places.settings.kafka, SERVICE_C)
    try:
        waiting = sum((await topic_lag.read()).values())
    finally:
        await topic_lag.close()
    async with places.dead_letter_topic() as reading:
        dead = 0
        async for _ in reading.letters():
            dead += 1
    return Finding("kafka", ok=True, waiting=waiting, dead_letters=dead)
