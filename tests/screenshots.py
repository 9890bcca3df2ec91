"""`python -m tests.screenshots` (`make screenshots`): every page of a system of its own, into docs/screenshots.

Each in light and dark, wide and narrow, and both languages; the colours reduced, so that the pictures stay small.
"""

import asyncio
import io
import itertools
import json
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, Page, expect

from pipeline.clients import aws
from pipeline.clients.aws import Endpoint
from pipeline.core import clock
from pipeline.core.errors import Rejected
from pipeline.events.delivery import Arrival
from pipeline.events.envelope import envelope
from stack.http_client import http_client
from tests.e2e.browsing import chromium
from tests.support.running_system import ROOT, System, running

TARGET = ROOT / "docs" / "screenshots"
SIZES = {"wide": (1280, 880), "narrow": (390, 844)}
SCHEMES = ("light", "dark")
LANGUAGES = ("en", "pt-BR")
COLOURS = 128
ARRIVAL_MS = 30_000
SHOWN = "/event?source=/shop&id=order-1007"


async def publish(page: Page) -> None:
    """The publish page with an event whose journey is at its end."""
    await page.goto("/?example=refund")
    await page.locator("button.button[type=submit]").first.click()
    await expect(page.locator("#status")).to_have_attribute("data-state", "complete", timeout=ARRIVAL_MS)


async def fault(page: Page) -> None:
    """What is wrong, at its field and line."""
    await page.goto("/")
    await page.locator("#type").fill("")
    await page.locator("#data").fill('{\n  "order": 1001,\n  "total": 49.90,,\n}')
    await page.locator("button.button[type=submit]").first.click()
    await expect(page.get_by_role("alert")).to_be_visible()


async def many(page: Page) -> None:
    """Lines with their results."""
    await page.goto("/many")
    await page.locator("#lines").press("ControlOrMeta+End")
    await page.locator("#lines").press_sequentially('{"subject": "order/1002"}')
    await page.locator("button.button[type=submit]").first.click()
    await expect(page.locator("#results tr")).to_have_count(4, timeout=ARRIVAL_MS)


async def events(page: Page) -> None:
    """The list."""
    await page.goto("/events?source=/shop")
    await expect(page.locator("#rows tr")).to_have_count(12)


async def event(page: Page) -> None:
    """One event and its receipt."""
    await page.goto(SHOWN)


async def unknown(page: Page) -> None:
    """What helps where there is nothing."""
    await page.goto("/event?source=/shop&id=order-9999")


async def pipeline(page: Page) -> None:
    """The state of the pipeline, with a minute of events behind it."""
    await page.goto("/pipeline")
    a_minute_ago = page.locator("#throughput-numbers tbody td:nth-child(3)").first
    await expect(a_minute_ago).not_to_have_text("\N{EN DASH}", timeout=4 * ARRIVAL_MS)
    await expect(page.locator("[data-service][data-state=ok]")).to_have_count(9, timeout=ARRIVAL_MS)


async def dead_letters(page: Page) -> None:
    """What could never be stored."""
    await page.goto("/pipeline/dead-letters?place=b")
    await expect(page.locator(".letters tbody tr")).to_have_count(len(REFUSED))


async def dead_letter(page: Page) -> None:
    """One of them, with its bytes."""
    await dead_letters(page)
    await page.locator(".letters td a").first.click()
    await expect(page.locator("pre")).to_be_visible()


async def redrive(page: Page) -> None:
    """What would be sent again."""
    await dead_letters(page)
    await page.locator("button[value=send_again_all]").click()
    await expect(page.locator("#redrive")).to_have_attribute("data-stage", "planned")


REFUSED = {"order-1003": "numeric value out of range: total", "order-1008": "numeric value out of range: total"}
PAGES = (publish, fault, many, events, event, unknown, pipeline, dead_letters, dead_letter, redrive)


async def take(system: System) -> None:
    """Every page in every variant."""
    await _fill(system)
    await _refuse(system.endpoints)
    traffic = asyncio.create_task(_go_on(system.endpoints["gateway"]))
    async with chromium() as browser:
        for size, scheme, language in itertools.product(SIZES, SCHEMES, LANGUAGES):
            await _take(browser, system.endpoints["web"], size, scheme, language)
    traffic.cancel()


async def _take(browser: Browser, base_url: str, size: str, scheme: str, language: str) -> None:
    width, height = SIZES[size]
    for shown in PAGES:
        context = await browser.new_context(
            base_url=base_url,
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            locale=language,
            timezone_id="America/Sao_Paulo",
            reduced_motion="reduce",
        )
        page = await context.new_page()
        await shown(page)
        await page.evaluate("scrollTo(0, 0)")
        picture = Image.open(io.BytesIO(await page.screenshot(animations="disabled", caret="hide")))
        name = f"{shown.__name__}-{size}-{scheme}-{language}.png"
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(TARGET / name, optimize=True)
        await context.close()


async def _fill(system: System) -> None:
    kinds = ("com.example.order.created", "com.example.order.paid", "com.example.order.shipped")
    batch = [
        {
            "specversion": "1.0",
            "id": f"order-{1000 + number}",
            "source": "/shop",
            "type": kinds[number % 3],
            "subject": f"order/{1000 + number}",
            "data": {
                "order": 1000 + number,
                "customer": {"name": "Ana Souza", "city": "Recife"},
                "lines": [{"sku": "A-7", "quantity": 2}, {"sku": "B-12", "quantity": 1}],
                "total": "149.90",
                "currency": "BRL",
            },
        }
        for number in range(12)
    ]
    async with http_client() as client:
        address = f"{system.endpoints['gateway']}/events"
        headers = {"content-type": "application/cloudevents-batch+json"}
        (await client.post(address, json=batch, headers=headers)).raise_for_status()


async def _refuse(told: dict[str, str]) -> None:
    """Dead letters of queue b."""
    sqs = Endpoint(
        endpoint_url=told["aws"],
        region_name=told["region"],
        aws_access_key_id=told["access_key"],
        aws_secret_access_key=told["secret_key"],
    )
    async with aws.client("sqs", sqs) as client:
        for id_, detail in REFUSED.items():
            event = {"specversion": "1.0", "id": id_, "source": "/shop", "type": "com.example.order.created"}
            body = json.dumps(event | {"data": {"total": "1e400", "currency": "BRL"}}, indent=2).encode()
            origin = {"queue": "events-b", "message_id": "8c5a24a8-5a35-4e5e-bb3c-2b46b1a3f3c8"}
            arrival = Arrival(body, "sqs", origin, clock.rfc3339(clock.now()))
            letter = envelope(arrival, Rejected("rejected", detail), "service-b").decode()
            await client.send_message(QueueUrl=told["dead_letter_b"], MessageBody=letter)


async def _go_on(gateway: str) -> None:
    """Some events now and then, so that there is something to draw."""
    async with http_client() as client:
        for number in itertools.count():
            for part in range(2 + number % 7):
                event = {"type": "com.example.ping", "source": "/traffic", "data": {"n": part}}
                await client.post(f"{gateway}/events", json=event)
            await asyncio.sleep(0.5)


def main() -> None:
    """Start a system, take the pictures, stop it."""
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, running(Path(home)) as system:
        asyncio.run(take(system))


if __name__ == "__main__":
    main()
