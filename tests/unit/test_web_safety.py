"""What keeps hostile sites and events out, on every answer."""

import re
from pathlib import Path

import pytest
from quart.typing import TestClientProtocol as Client

import web
from pipeline.settings import WebSettings
from tests.unit.conftest import Edge
from web.app import create_app

ACCEPTED = {"id": "1", "source": "/s", "type": "t", "received_at": "2026-11-23T15:24:00Z"}
ROOT = Path(web.__file__).parent


@pytest.mark.parametrize("address", ["/", "/nothing", "/static/style.css", "/static/live.js", "/healthz", "/readyz"])
async def test_every_answer_has_the_headers(pages: Client, address: str) -> None:
    headers = (await pages.get(address)).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert not re.search("unsafe|data:|\\*", headers["content-security-policy"])
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("template", sorted((ROOT / "templates").iterdir()), ids=lambda path: str(path.name))
def test_nothing_is_inline_and_nothing_escapes_escaping(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"""\sstyle=|<style|\son[a-z]+=|javascript:|\|\s*safe|autoescape""", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://localhost"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:81"},
    ],
)
async def test_no_other_site_can_post(pages: Client, edge: Edge, headers: dict[str, str]) -> None:
    answer = await pages.post("/", form={"type": "t"}, headers=headers)
    assert answer.status_code == 403
    assert edge.bodies == []


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"origin": "http://localhost"}, {}])
async def test_the_pages_themselves_and_programs_can_post(pages: Client, edge: Edge, headers: dict[str, str]) -> None:
    edge.answer("/events", (202, ACCEPTED))
    assert (await pages.post("/", form={"type": "t"}, headers=headers)).status_code == 303


async def test_on_loopback_a_foreign_name_is_refused(pages: Client) -> None:
    assert (await pages.get("/", headers={"host": "rebound.example:8080"})).status_code == 403
    assert (await pages.get("/", headers={"host": "[::1]:8080"})).status_code == 200


async def test_elsewhere_any_name_may_lead_here(edge: Edge) -> None:
    app = create_app(WebSettings(host="0.0.0.0", query_url=edge.url))
    answer = await app.test_client().get("/", headers={"host": "events.example"})
    assert answer.status_code == 200


async def test_a_page_that_breaks_says_so_without_its_secrets(edge: Edge) -> None:
    app = create_app(WebSettings(query_url=edge.url))

    @app.get("/broken")
    async def broken() -> str:
        raise LookupError("secret")

    answer = await app.test_client().get("/broken")
    text = await answer.get_data(as_text=True)
    assert answer.status_code == 500
    assert "Something broke" in text
    assert "secret" not in text
