"""A login at a real OpenID provider, in a real Chromium: a process of its own that signs what it says."""

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from pipeline.core.settings import inherited
from stack.http_client import http_client
from tests.e2e.browsing import opened
from tests.support.running_system import System
from tests.support.waiting import until

PROGRAMS = Path(sys.executable).parent
PEOPLE = ({"sub": "rita", "name": "Rita", "roles": ["reader"]}, {"sub": "olga", "name": "Olga", "roles": ["operator"]})
WEB_NAMES = ("GATEWAY", "QUERY", "SERVICE_B", "SERVICE_C")
pytestmark = pytest.mark.asyncio(loop_scope="module")


@contextmanager
def process(log: Path, *command: str, **environment: str) -> Iterator[None]:
    """A program that runs as long as the block."""
    with log.open("wb") as output:
        running = subprocess.Popen(command, env=inherited() | environment, stdout=output, stderr=output)
    try:
        yield
    finally:
        running.terminate()
        running.wait(15)


async def answering(url: str) -> None:
    async def is_up() -> bool:
        async with http_client() as client:
            try:
                return (await client.get(url)).is_success
            except httpx.TransportError:
                return False

    await until(is_up, within_s=60)


@pytest_asyncio.fixture(loop_scope="module")
async def provider(tmp_path: Path, unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[str]:
    """A provider that knows PEOPLE; its issuer."""
    port = unused_tcp_port_factory()
    people = [part for person in PEOPLE for part in ("--user-claims", json.dumps(person))]
    command = (str(PROGRAMS / "oidc-provider-mock"), "--port", str(port), "--require-nonce", *people)
    with process(tmp_path / "provider.log", *command):
        issuer = f"http://127.0.0.1:{port}"
        await answering(f"{issuer}/.well-known/openid-configuration")
        yield issuer


@pytest_asyncio.fixture(loop_scope="module")
async def web(
    system: System, provider: str, tmp_path: Path, unused_tcp_port_factory: Callable[[], int]
) -> AsyncIterator[str]:
    """The pages of the system behind a login; their base URL."""
    url = f"http://127.0.0.1:{(port := unused_tcp_port_factory())}"
    told = system.endpoints
    own = {f"{name}_URL": told[name.lower()] for name in WEB_NAMES} | {
        "WEB_PORT": str(port),
        "WEB_URL": url,
        "LOGIN_ISSUER": provider,
        "LOGIN_CLIENT_ID": "mensageria",
        "LOGIN_CLIENT_SECRET": "hush",
        "LOGIN_SESSION_KEY": "k" * 32,
    }
    environment = {f"MENSAGERIA_{name}": value for name, value in own.items()}
    with process(tmp_path / "web.log", sys.executable, "-m", "web", **environment):
        await answering(f"{url}/readyz")
        yield url


async def test_who_logs_in_does_what_the_role_allows_and_no_more(web: str, browser: Browser) -> None:
    for person, may_publish in (("rita", False), ("olga", True)):
        async with opened(browser, web, refusals=True) as page:
            await page.goto("/pipeline")
            await page.get_by_role("button", name=re.compile(person, re.IGNORECASE)).first.click()
            await expect(page).to_have_url(f"{web}/pipeline")
            await expect(page.locator("h1")).to_have_text("Pipeline")
            await expect(page.locator(".reader")).to_contain_text(person.capitalize())
            await page.goto("/")
            await page.get_by_role("button", name="Publish", exact=True).click()
            refused = page.get_by_text("This needs another role")
            await expect(page.locator("#status") if may_publish else refused).to_be_visible()
            await page.get_by_role("button", name="Log out").click()
            await expect(page.get_by_role("heading", name="You are logged out")).to_be_visible()
            assert (await page.request.post("/pipeline/redrives")).status == 401
