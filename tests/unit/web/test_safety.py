"""What keeps hostile sites and events out, on every answer."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from quart.typing import TestClientProtocol as Client

import web
from pipeline.core.errors import SettingsError
from pipeline.core.settings import inherited
from pipeline.core.settings.web import WebSettings
from tests.support.edge import Edge
from web.app import create_app

ACCEPTED = {"id": "1", "source": "/s", "type": "t", "received_at": "2026-11-23T15:24:00Z"}
ROOT = Path(web.__file__).parent


@pytest.mark.parametrize(
    "address", ["/", "/nothing", "/static/style.css", "/static/page.js", "/static/live.js", "/healthz", "/readyz"]
)
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
        {"origin": "http://evil.example", "host": "evil.example"},
    ],
)
async def test_no_other_site_can_post(pages: Client, edge: Edge, headers: dict[str, str]) -> None:
    rules = [rule for rule in pages.app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    assert {"/", "/many", "/language"} <= {rule.rule for rule in rules}
    for rule in rules:
        address = re.sub("<[^>]+>", "x", rule.rule)
        answer = await pages.post(address, form={"type": "t"}, headers=headers)
        assert answer.status_code == 403
    assert edge.bodies == []


async def test_an_origin_that_is_no_address_is_no_failure(pages: Client, edge: Edge) -> None:
    assert (await pages.post("/", form={"type": "t"}, headers={"origin": "http://["})).status_code == 400
    assert edge.bodies == []


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"origin": "http://localhost"}, {}])
async def test_the_pages_themselves_and_programs_can_post(pages: Client, edge: Edge, headers: dict[str, str]) -> None:
    edge.answer("/events", (202, ACCEPTED))
    assert (await pages.post("/", form={"type": "t"}, headers=headers)).status_code == 303


LOOPBACK_NAMES = [("localhost", 200), ("[::1]:8080", 200), ("rebound.example:8080", 403), ("", 403)]


@pytest.mark.parametrize(("name", "status"), LOOPBACK_NAMES)
async def test_a_foreign_name_is_refused(pages: Client, name: str, status: int) -> None:
    assert (await pages.get("/", headers={"host": name})).status_code == status


@pytest.mark.parametrize(("name", "status"), [("EVENTS.example:443", 200), ("b.example", 200), *LOOPBACK_NAMES])
async def test_behind_a_guard_it_is_asked_by_the_names_that_it_was_told(edge: Edge, name: str, status: int) -> None:
    settings = WebSettings(host="0.0.0.0", guard="proxy", host_names="events.example, b.example", query_url=edge.url)
    async with create_app(settings).test_app() as running:
        client = running.test_client()
        assert (await client.get("/", headers={"host": name})).status_code == status
        assert (await client.get("/readyz", headers={"host": name})).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "events.example"])
def test_without_a_guard_it_is_not_made_where_others_can_reach_it(host: str) -> None:
    with pytest.raises(SettingsError, match="MENSAGERIA_WEB_GUARD=proxy") as refused:
        create_app(WebSettings(host=host, query_url="http://127.0.0.1:1"))
    assert f"MENSAGERIA_WEB_HOST is {host!r}" in str(refused.value)


def test_without_a_guard_it_ends_with_a_message_where_others_can_reach_it() -> None:
    environment = {
        "MENSAGERIA_WEB_HOST": "0.0.0.0",
        "MENSAGERIA_WEB_PORT": "1",
        "MENSAGERIA_QUERY_URL": "http://127.0.0.1:1",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "web"], env=inherited() | environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "MENSAGERIA_WEB_HOST is '0.0.0.0'" in ended.stderr
    assert "MENSAGERIA_WEB_GUARD=proxy" in ended.stderr
    assert "Traceback" not in ended.stderr


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


async def test_a_wrong_method_is_told_the_right_ones(pages: Client) -> None:
    answer = await pages.delete("/")
    assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD", "OPTIONS", "POST"})
