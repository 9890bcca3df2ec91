"""A real Chromium, and pages in it on which nothing may go wrong unseen."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@asynccontextmanager
async def chromium(*options: str) -> AsyncIterator[Browser]:
    """The machine's own browser, started with `options` beside those that every test has."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.fail(f"the browser tests need a browser: install one of {', '.join(NAMES)}")
    async with async_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", *options]
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(browser: Browser, base_url: str, *, refusals: bool = False, **options: Any) -> AsyncIterator[Page]:
    """A page on which no script may fail, no dialog open and no policy be broken.

    `refusals`: requests may be refused.
    """
    faults: list[str] = []
    context = await browser.new_context(base_url=base_url, **options)
    page = await context.new_page()
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}"))
    yield page
    await context.close()
    expected = "Failed to load resource" if refusals else ()
    assert [fault for fault in faults if not expected or not fault.startswith(expected)] == []
