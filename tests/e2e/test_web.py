"""The pages in a real Chromium, over the whole system."""

import json
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.running_system import System

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARRIVAL_MS = 20_000
WIDTHS = (320, 768, 1440)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.fail(f"the browser tests need a browser: install one of {', '.join(BROWSERS)}")
    async with async_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(browser: Browser, system: System, **options: Any) -> AsyncIterator[Page]:
    """A page on which no script may fail, no dialog open and no policy be broken."""
    faults: list[str] = []
    context = await browser.new_context(base_url=system.endpoints["web"], **options)
    page = await context.new_page()
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}"))
    yield page
    await context.close()
    assert faults == []


async def see_it_arrive(page: Page) -> None:
    await expect(page.locator("#status")).to_have_attribute("data-state", "complete", timeout=ARRIVAL_MS)
    await expect(page.locator(".receipt li[data-state=passed]")).to_have_count(4)
    await expect(page.locator(".hop[data-state=passed]:visible")).to_have_count(9)


@pytest.mark.parametrize(
    ("language", "publish", "arrived", "filter_", "type_"),
    [
        ("en", "Publish", "Stored everywhere", "Filter", "Type"),
        ("pt-BR", "Publicar", "Guardado em todos", "Filtrar", "Tipo"),
    ],
)
async def test_publish_follow_and_find(
    system: System, browser: Browser, language: str, publish: str, arrived: str, filter_: str, type_: str
) -> None:
    event_type = f"com.example.{uuid.uuid4()}"
    async with opened(browser, system, locale=language) as page:
        await page.goto("/")
        await expect(page.locator("html")).to_have_attribute("lang", language)
        await page.get_by_label(type_, exact=True).fill(event_type)
        await page.get_by_role("button", name=publish).click()
        await see_it_arrive(page)
        await expect(page.get_by_text(arrived)).to_be_visible()
        await expect(page.locator("h1")).to_have_text(event_type)

        await page.goto("/events")
        await page.get_by_label(type_, exact=True).fill(event_type)
        await page.get_by_role("button", name=filter_).click()
        await page.get_by_role("link", name=event_type).click()
        await expect(page.locator("h1")).to_have_text(event_type)
        await expect(page.get_by_text('"order": 1001')).to_be_visible()


async def test_a_hostile_event_is_only_text(system: System, browser: Browser) -> None:
    hostile = '<script>alert(1)</script><img src="x" onerror="alert(2)">مرحبا 😀'
    event = {
        "specversion": "1.0",
        "id": f"{uuid.uuid4()}{hostile}",
        "source": f"javascript:alert(3)//{hostile}",
        "type": hostile,
        "subject": "\u202egpj.exe",
        "data": {hostile: [hostile, "</code></pre><script>alert(4)</script>", "x" * 100_000]},
    }
    async with opened(browser, system, viewport={"width": 320, "height": 700}) as page:
        await page.goto("/")
        await page.get_by_text("CloudEvents JSON").click()
        await page.get_by_role("textbox", name="Event").fill(json.dumps(event, ensure_ascii=False))
        await page.get_by_role("button", name="Publish").click()
        await see_it_arrive(page)
        await expect(page.locator("h1")).to_have_text(hostile)
        await expect(page.locator("pre code")).to_contain_text("</code></pre><script>alert(4)</script>")
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 700})
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.goto("/events")
        await page.get_by_role("link", name=hostile).first.click()
        await expect(page.locator("#about h1")).to_have_text(hostile)


async def test_a_fault_stands_at_its_field_and_what_was_typed_stays(system: System, browser: Browser) -> None:
    context = await browser.new_context(base_url=system.endpoints["web"])
    page = await context.new_page()
    await page.goto("/")
    await page.get_by_label("Type").fill("")
    await page.get_by_label("Subject").fill("order/77")
    answer = await _publish(page)
    assert answer == 422
    await expect(page.get_by_label("Type")).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#type-hint")).to_contain_text("is required")
    await expect(page.get_by_label("Subject")).to_have_value("order/77")
    await context.close()


async def test_without_javascript_the_journey_still_ends(system: System, browser: Browser) -> None:
    async with opened(browser, system, java_script_enabled=False) as page:
        await page.goto("/")
        await page.get_by_role("button", name="Publish").click()
        await see_it_arrive(page)


async def _publish(page: Page) -> int:
    async with page.expect_response(lambda response: response.request.method == "POST") as answer:
        await page.get_by_role("button", name="Publish").click()
    return (await answer.value).status
