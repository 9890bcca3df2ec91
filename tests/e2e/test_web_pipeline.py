"""/pipeline in a real Chromium, over the whole system: what waits, dead letters, a service that dies."""

import json
import os
import signal
import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from cli.addresses import Addresses, find
from operations.redrive import Choice, chosen, discard
from pipeline.core.errors import Rejected
from pipeline.events.delivery import Arrival
from pipeline.events.envelope import envelope
from pipeline.events.metadata import Metadata
from tests.e2e.browsing import opened
from tests.e2e.test_web_pages import assert_fit
from tests.support.running_system import System

RECEIVED_AT = "2026-11-23T15:24:00.123456Z"
HOSTILE = '<script>alert(1)</script><img src="x" onerror="alert(2)">\u202egpj 😀'
ARRIVAL_MS = 20_000
HEALING_MS = 30_000
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def addresses(system: System, monkeypatch: pytest.MonkeyPatch) -> Addresses:
    monkeypatch.setenv("MENSAGERIA_HOME", str(system.home))
    return find()


@pytest_asyncio.fixture(loop_scope="module")
async def source(addresses: Addresses) -> AsyncIterator[str]:
    """A source of the test's own; its dead letters of queue b are discarded at the end."""
    own = f"urn:test:{uuid.uuid4()}"
    yield own
    async with addresses.places.dead_letters("b") as reading:
        async for _ in discard(reading, Choice(source=own)):
            pass


async def lay_dead(addresses: Addresses, source: str, *ids: str, detail: str = "it was refused") -> None:
    """Dead letters of queue b, of events that the store would take now."""
    async with addresses.places.queue("b", dead=True) as queue:
        for id_ in ids:
            event = {"specversion": "1.0", "id": id_, "source": source, "type": "com.example.dead", "data": HOSTILE}
            origin = {"queue": "events-b", "message_id": id_}
            arrival = Arrival(json.dumps(event).encode(), "sqs", origin, RECEIVED_AT, metadata=Metadata(RECEIVED_AT))
            await queue.send(envelope(arrival, Rejected("rejected", detail), "service-b").decode(), {})


async def lying(addresses: Addresses, source: str) -> set[str]:
    async with addresses.places.dead_letters("b") as reading:
        found = [letter.event async for letter in chosen(reading, Choice(source=source))]
    return {event.id for event in found if event}


async def open_letters(page: Page, source: str, filter_: str = "Filter") -> None:
    """From /pipeline to the letters of the source."""
    await page.goto("/pipeline")
    await page.locator("a[href='/pipeline/dead-letters?place=b']").click()
    await page.locator("#source").fill(source)
    await page.get_by_role("button", name=filter_, exact=True).click()


@pytest.mark.parametrize(
    ("language", "filter_", "again", "confirm", "ended"),
    [
        ("en", "Filter", "Send chosen again…", "Send 1 letter again", "1 of 1 sent again."),
        pytest.param(
            *("pt-BR", "Filtrar", "Reenviar escolhidas…", "Reenviar 1 mensagem", "1 de 1 reenviadas."),
            marks=pytest.mark.long,
        ),
    ],
)
async def test_a_dead_letter_is_sent_again_and_seen_in_the_store(
    system: System,
    browser: Browser,
    addresses: Addresses,
    source: str,
    language: str,
    filter_: str,
    again: str,
    confirm: str,
    ended: str,
) -> None:
    await lay_dead(addresses, source, "sent", "kept", detail=HOSTILE)
    async with opened(browser, system.endpoints["web"], locale=language) as page:
        await open_letters(page, source, filter_)
        await expect(page.locator(".letters tbody tr")).to_have_count(2)
        await assert_fit(page)
        await page.locator("tr", has_text="sent").get_by_role("checkbox").check()
        await page.get_by_role("button", name=again).click()
        await expect(page.locator("#redrive")).to_have_attribute("data-stage", "planned")
        await assert_fit(page)
        assert await lying(addresses, source) == {"sent", "kept"}

        await page.get_by_role("button", name=confirm).click()
        await expect(page.locator("#redrive")).to_have_attribute("data-stage", "done")
        await expect(page.get_by_text(ended)).to_be_visible()
        await assert_fit(page)
        await page.get_by_role("link", name="com.example.dead").click()
        await expect(page.locator("[data-way=postgres_sqs][data-state=passed]")).to_be_visible(timeout=ARRIVAL_MS)
    assert await lying(addresses, source) == {"kept"}


async def test_a_letter_is_read_and_all_that_fit_are_discarded_without_javascript(
    system: System, browser: Browser, addresses: Addresses, source: str
) -> None:
    await lay_dead(addresses, source, "1", "2", "3", detail=HOSTILE)
    async with opened(browser, system.endpoints["web"], java_script_enabled=False, viewport=NARROW) as page:
        await open_letters(page, source)
        await page.locator(".letters td a").first.click()
        await expect(page.locator("h1")).to_have_text("refused by the store")
        await expect(page.locator("pre")).to_contain_text("<script>alert(1)</script>")
        await expect(page.locator(".alert")).to_contain_text("\\u202egpj")
        await open_letters(page, source)
        await page.get_by_role("button", name="Discard all 3…").click()
        await expect(page.get_by_text("3 letters would be discarded for good.")).to_be_visible()
        await page.get_by_role("button", name="Discard 3 letters for good").click()
        await expect(page.get_by_text("3 of 3 discarded.")).to_be_visible(timeout=ARRIVAL_MS)
    assert await lying(addresses, source) == set()


NARROW = {"width": 320, "height": 640}


async def test_a_killed_service_is_said_and_healed(system: System, browser: Browser) -> None:
    async with opened(browser, system.endpoints["web"]) as page:
        await page.goto("/pipeline")
        service = page.locator("[data-service=service_b]")
        await expect(service).to_have_attribute("data-state", "ok", timeout=HEALING_MS)
        pid = system.pid("service-b")
        os.kill(pid, signal.SIGSTOP)  # as good as dead, and nobody starts it again before the page has said so
        try:
            await expect(service).to_have_attribute("data-state", "down", timeout=HEALING_MS)
            await expect(page.locator("#summary")).to_contain_text("Service B")
            await assert_fit(page)
        finally:
            os.kill(pid, signal.SIGKILL)
        await expect(service).to_have_attribute("data-state", "ok", timeout=HEALING_MS)


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
@pytest.mark.parametrize("width", [320, pytest.param(1280, marks=pytest.mark.long)])
async def test_the_state_is_fit_for_all_readers(system: System, browser: Browser, scheme: str, width: int) -> None:
    size = {"width": width, "height": 800}
    async with opened(browser, system.endpoints["web"], color_scheme=scheme, viewport=size) as page:
        for address in ("/pipeline", "/pipeline/dead-letters?place=c&type=none", "/pipeline/dead-letters?place=kafka"):
            await page.goto(address)
            await assert_fit(page)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, address
