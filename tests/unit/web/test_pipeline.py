"""`/pipeline` over a small HTTP server that stands where the services are, and without any queue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from quart.typing import TestClientProtocol as Client

from operations.connections import Connections
from operations.dead_letters import Place, Reading
from pipeline.core import clock
from pipeline.core.errors import QueueUnavailable
from pipeline.core.settings.tools import HealthSettings
from pipeline.core.settings.web import WebSettings
from tests.support.edge import Edge
from tests.support.waiting import until
from tests.unit.web.test_events import listing, text_of
from tests.unit.web.test_samples import TEXT
from web.app import create_app
from web.operating.backlogs import Emptiness
from web.operating.dead_letter_service import DeadLetterService
from web.operating.number_filters import oldest
from web.operating.redrive_job import Redrive
from web.operating.state import Age, State, Waiting, Way


@pytest.fixture
def well(edge: Edge) -> Edge:
    edge.answer("/readyz", (200, {}))
    edge.answer("/metrics", (200, TEXT.encode()))
    edge.answer("/stage/events", listing())
    return edge


@pytest.fixture
async def watched(well: Edge) -> AsyncIterator[Client]:
    """The pages, which find every service at the edge, and look again each time."""
    health = HealthSettings(service_b_url=well.url, service_c_url=well.url)
    settings = WebSettings(
        gateway_url=well.url, query_url=f"{well.url}/stage", timeout_s=2, health=health, watch_every_s=0.01
    )
    async with create_app(settings).test_app() as running:
        yield running.test_client()


async def test_all_is_well_and_what_is_not_told_is_said(watched: Client) -> None:
    text = await text_of(watched, "/pipeline")
    assert "All is well" in text
    assert text.count('data-state="ok"') == 7
    assert "<code>MENSAGERIA_QUEUE_B_URL</code>" in text
    assert "<code>MENSAGERIA_DEAD_LETTER_C_URL</code>" in text


async def test_all_is_well_once_there_are_events(watched: Client, well: Edge) -> None:
    row = {
        "source": "urn:a",
        "id": "1",
        "type": "t",
        "received_at": "2026-11-23T15:24:00.000000Z",
        "stores": ["postgres"],
    }
    well.answer("/stage/events", (200, {"events": [row], "next": None, "partial": False, "unavailable": []}))
    assert "All is well" in await text_of(watched, "/pipeline")


@pytest.mark.parametrize("path", ["/pipeline/dead-letters", "/pipeline/dead-letters/b:1", "/pipeline/redrives/1"])
async def test_without_queues_there_are_no_letters_to_see(watched: Client, path: str) -> None:
    assert "There is no such page" in await text_of(watched, path, status=404)


async def test_a_service_that_is_not_ready_is_said_with_its_own_words_and_heals(watched: Client, well: Edge) -> None:
    well.answer("/readyz", (503, {"missing": ["postgres: <gone>"]}))
    text = await text_of(watched, "/pipeline")
    assert "Not all is well" in text
    assert text.count("postgres: &lt;gone&gt;") == 3
    well.answer("/readyz", (200, {}))

    async def is_healed() -> bool:
        return "All is well" in await text_of(watched, "/pipeline")

    await until(is_healed, within_s=5)


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "accepts events while a broker is out"), ("pt-BR", "aceita eventos enquanto um broker")],
)
async def test_a_gateway_without_one_broker_is_degraded(watched: Client, well: Edge, language: str, said: str) -> None:
    legs = {"sns": "reachable", "kafka": "unreachable"}
    well.answer("/readyz", (200, {"status": "degraded", "legs": legs}))
    answer = await watched.get("/pipeline", headers={"accept-language": language})
    text = await answer.get_data(as_text=True)
    assert 'data-service="gateway" data-state="degraded"' in text
    assert "unreachable: kafka" in text
    assert said in text


async def test_a_store_that_the_query_misses_is_down(watched: Client, well: Edge) -> None:
    well.answer("/stage/events", listing(partial=True, unavailable=["dynamodb"]))
    text = await text_of(watched, "/pipeline")
    assert 'data-service="dynamodb" data-state="down"' in text
    assert 'data-service="postgres" data-state="ok"' in text


@pytest.mark.parametrize("metrics", [b"<html>", b"\xff"])
async def test_numbers_that_are_none_are_no_failure_of_the_page(watched: Client, well: Edge, metrics: bytes) -> None:
    well.answer("/metrics", (200, metrics))
    assert "has no metrics" in await text_of(watched, "/pipeline")


async def test_what_changes_is_sent_as_it_changes(watched: Client, well: Edge) -> None:
    async with watched.request("/pipeline/parts") as stream:
        first = await stream.receive()
        while b"All is well" not in first:
            first += await stream.receive()
        well.answer("/readyz", (503, {"detail": "no leg"}))
        seen = b""
        while b"no leg" not in seen:
            seen += await asyncio.wait_for(stream.receive(), 5)
        await stream.disconnect()


class Nowhere(Connections):
    """Places whose dead letters can't be opened."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    @asynccontextmanager
    async def dead_letters(self, place: Place) -> AsyncIterator[Reading]:
        raise self.error
        yield


@pytest.mark.parametrize("error", [QueueUnavailable("kafka: away"), RuntimeError("a defect")])
async def test_a_redrive_whose_letters_cannot_be_opened_has_failed(error: Exception) -> None:
    desk = DeadLetterService(Nowhere(error), lambda: None)
    redrive = Redrive("kafka", "send_again", [], "somebody")
    desk.start(redrive)
    ended = [changed.stage async for changed in redrive.changes(0)]
    assert ended[-1] == "failed"
    assert str(error) in redrive.fault
    await desk.close()


async def test_a_redrive_without_a_task_can_be_stopped() -> None:
    desk = DeadLetterService(Nowhere(RuntimeError()), lambda: None)
    redrive = Redrive("b", "discard", [], "somebody", stage="running")
    desk.stop(redrive)
    assert redrive.stage == "stopped"


def test_the_age_of_the_oldest_is_said_as_far_as_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    seen = Emptiness()
    assert seen.age("live", is_empty=False, does_leave=True) is None
    assert seen.age("dead", is_empty=False, does_leave=False) == Age(0.0, "at_least")
    now[0] = 110.0
    assert seen.age("dead", is_empty=False, does_leave=False) == Age(10.0, "at_least")
    assert seen.age("live", is_empty=True, does_leave=True) is None
    now[0] = 130.0
    assert seen.age("live", is_empty=False, does_leave=True) == Age(20.0, "at_most")


async def test_ages_stand_in_words(watched: Client) -> None:
    app = watched.app
    async with app.test_request_context("/", headers={"accept-language": "en"}):
        assert oldest(Waiting()) == "?"
        assert oldest(Waiting(3)) == "?"
        assert oldest(Waiting(0)) == "\N{EN DASH}"
        assert oldest(Waiting(3, oldest=Age(40, "at_most"))) == "at most 40 seconds"


def test_dead_letters_are_counted_as_far_as_they_are_known() -> None:
    ways = (Way("b", Waiting(1), Waiting(2)), Way("c", Waiting(), Waiting()))
    assert State(clock.now(), (), (), ways).dead_letters == 2
