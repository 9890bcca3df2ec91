"""The pages in a real Chromium, over the whole system."""

import json
import os
import re
import signal
import uuid

import pytest
from playwright.async_api import Browser, FilePayload, Page, expect

from stack.http_client import http_client
from tests.e2e.browsing import opened
from tests.support.running_system import System
from tests.support.waiting import until

ARRIVAL_MS = 30_000
WIDTHS = (320, 768, 1440, 3840)
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def see_it_arrive(page: Page) -> None:
    await expect(page.locator("#status")).to_have_attribute("data-state", "complete", timeout=ARRIVAL_MS)
    await expect(page.locator(".receipt li[data-state=passed]")).to_have_count(4)
    await expect(page.locator(".hop[data-state=passed]:visible")).to_have_count(9)


@pytest.mark.parametrize(
    ("language", "publish", "arrived", "filter_", "type_", "open_"),
    [
        ("en", "Publish", "Stored everywhere", "Filter", "Type", "Open the event"),
        ("pt-BR", "Publicar", "Guardado em todos", "Filtrar", "Tipo", "Abrir o evento"),
    ],
)
async def test_publish_follow_and_find(
    system: System,
    browser: Browser,
    language: str,
    publish: str,
    arrived: str,
    filter_: str,
    type_: str,
    open_: str,
) -> None:
    event_type = f"com.example.{uuid.uuid4()}"
    async with opened(browser, system.endpoints["web"], locale=language, timezone_id="America/Sao_Paulo") as page:
        await page.goto("/")
        await expect(page.locator("html")).to_have_attribute("lang", language)
        await page.get_by_label(type_, exact=True).fill(event_type)
        await page.get_by_role("button", name=publish, exact=True).click()
        await see_it_arrive(page)
        await expect(page.get_by_text(arrived)).to_be_visible()
        await expect(page.get_by_label(type_, exact=True)).to_have_value(event_type)
        await page.get_by_role("link", name=open_).click()
        await see_it_arrive(page)
        await expect(page.locator("h1")).to_have_text(event_type)
        shown = page.locator(".receipt time.moment")
        await expect(shown).to_have_attribute("title", re.compile("UTC$"))  # once the page's script has made it local
        assert "UTC" not in str(await shown.text_content())

        await page.goto("/events")
        await page.get_by_label(type_, exact=True).fill(event_type)
        await page.get_by_role("button", name=filter_).click()
        await expect(page).to_have_url(f"{system.endpoints['web']}/events?type={event_type}")
        await page.get_by_role("link", name=event_type).click()
        await expect(page.locator("h1")).to_have_text(event_type)
        await expect(page.get_by_text('"order": 1001')).to_be_visible()


async def test_a_hostile_event_is_only_text(system: System, browser: Browser) -> None:
    hostile = '<script>alert(1)</script><img src="x" onerror="alert(2)">مرحبا 😀'
    event = {
        "specversion": "1.0",
        "id": f"{uuid.uuid4()}{hostile}",
        "source": "javascript:alert(3)//';alert(5)//مرحبا😀",  # the most hostile that is a URI-reference
        "type": hostile,
        "subject": "\u202egpj.exe",
        "data": {hostile: [hostile, "</code></pre><script>alert(4)</script>", "x" * 200_000]},
    }
    async with opened(browser, system.endpoints["web"], viewport={"width": 320, "height": 700}) as page:
        await page.goto("/")
        await page.get_by_text("CloudEvents JSON").click()
        await page.get_by_role("textbox", name="Event").fill(json.dumps(event, ensure_ascii=False))
        await page.get_by_role("button", name="Publish", exact=True).click()
        await see_it_arrive(page)
        await page.get_by_role("link", name="Open the event").click()
        await expect(page.locator("h1")).to_have_text(hostile)
        await expect(page.locator("pre code")).to_contain_text("</code></pre><script>alert(4)</script>")
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 700})
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.goto("/events")
        await page.get_by_role("link", name=hostile).first.click()
        await expect(page.locator("#about h1")).to_have_text(hostile)
        await page.get_by_role("link", name="Publish again as new").click()
        again = json.loads(await page.get_by_role("textbox", name="Data").input_value())
        assert again == event["data"]


async def test_faults_stand_at_their_fields_and_what_was_typed_outlives_a_reload(
    system: System, browser: Browser
) -> None:
    async with opened(browser, system.endpoints["web"], refusals=True) as page:
        await page.goto("/")
        await page.get_by_label("Type", exact=True).fill("")
        await page.get_by_label("Subject").fill("order/77")
        await page.get_by_label("Data").fill('{\n  "a": 1,\n  b\n}')
        await expect(page.locator("#data-hint")).to_contain_text("line 3")
        await expect(page.locator(".as-fields .gutter mark")).to_have_text("3\n")
        await page.get_by_label("Data").fill('{\n  "a": 1\n}')
        await page.get_by_role("button", name="Publish", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("was not published")
        await expect(page.get_by_label("Type", exact=True)).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_label("Type", exact=True)).to_be_focused()
        await expect(page.locator("#type-hint")).to_contain_text("is required")
        for _ in range(2):
            await expect(page.get_by_label("Subject")).to_have_value("order/77")
            await expect(page.get_by_label("Data")).to_have_value('{\n  "a": 1\n}')
            await expect(page.locator("#call-1")).to_contain_text("order/77")
            await page.reload()


async def test_a_killed_service_b_is_said_and_the_page_heals(system: System, browser: Browser) -> None:
    async with opened(browser, system.endpoints["web"]) as page:
        await page.goto("/")
        pid = system.pid("service-b")
        os.kill(pid, signal.SIGSTOP)  # as good as dead, and nobody starts it again
        try:
            await page.get_by_role("button", name="Publish", exact=True).click()
            late = page.locator("[data-late=service_b]")
            await expect(late).to_contain_text("Service B does not work now", timeout=ARRIVAL_MS)
            await expect(page.locator(".hop[data-hop=service_b]:visible")).to_have_attribute("data-state", "down")
        finally:
            os.kill(pid, signal.SIGKILL)
        await see_it_arrive(page)
        await expect(late).to_have_count(0)


async def test_the_list_goes_on_by_itself_and_tells_of_new_events(system: System, browser: Browser) -> None:
    event_type = f"com.example.{uuid.uuid4()}"
    await publish_events(system, event_type, 120)
    async with opened(browser, system.endpoints["web"]) as page:
        await page.goto(f"/events?type={event_type}")
        rows = page.locator("#rows tr")
        await expect(rows).to_have_count(50)
        for count in (100, 120):
            await page.mouse.wheel(0, 1_000_000)
            await expect(rows).to_have_count(count)
        ids = await page.locator("#rows code").all_text_contents()
        assert len(ids) == len(set(ids))
        await publish_events(system, event_type, 1)
        await page.get_by_role("link", name="1 new event").click(timeout=ARRIVAL_MS)
        await expect(rows).to_have_count(50)


async def publish_events(system: System, event_type: str, count: int) -> None:
    """Publish so many events at once, and wait until PostgreSQL has them."""
    batch = [{"specversion": "1.0", "id": f"{uuid.uuid4()}", "source": "/l", "type": event_type} for _ in range(count)]
    headers = {"content-type": "application/cloudevents-batch+json"}
    search = f"{system.endpoints['query']}/events?type={event_type}&store=postgres&limit=200"
    async with http_client() as client:
        address = f"{system.endpoints['gateway']}/events"
        answer = await client.post(address, content=json.dumps(batch), headers=headers)
        assert answer.status_code == 202, answer.text
        sent = {event["id"] for event in batch}

        async def are_there() -> bool:
            return sent <= {event["id"] for event in (await client.get(search)).json()["events"]}

        await until(are_there, within_s=ARRIVAL_MS / 1000)


@pytest.mark.long
async def test_a_file_of_lines_is_published_with_a_result_a_line(system: System, browser: Browser) -> None:
    lines = [json.dumps({"type": "com.example.line", "data": number}) for number in range(130)]
    lines[4] = "not an event"
    file: FilePayload = {
        "name": "events.jsonl",
        "mimeType": "application/jsonl",
        "buffer": "\n".join(lines).encode(),
    }
    async with opened(browser, system.endpoints["web"], locale="pt-BR") as page:
        await page.goto("/many")
        await page.get_by_label("Ou um arquivo").set_input_files(file)
        await page.get_by_role("button", name="Publicar o arquivo").click()
        await expect(page.locator("#tally")).to_have_text("129 de 130 aceitos", timeout=ARRIVAL_MS)
        await expect(page.locator("#results tr[data-state=refused] td").first).to_have_text("5")
        await expect(page.get_by_label("Linhas", exact=True)).to_have_value("\n\n\n\nnot an event")


async def test_without_javascript_an_event_is_published_and_its_journey_ends(system: System, browser: Browser) -> None:
    async with opened(browser, system.endpoints["web"], java_script_enabled=False) as page:
        await page.goto("/")
        await page.get_by_role("button", name="Português").click()
        await page.get_by_role("button", name="Publicar", exact=True).click()
        await see_it_arrive(page)
        await expect(page.locator("html")).to_have_attribute("lang", "pt-BR")
        await page.goto("/many")
        await page.get_by_role("button", name="Publicar as linhas").click()
        await expect(page.locator("#tally")).to_have_text("3 de 3 aceitos")
