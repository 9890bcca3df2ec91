"""The login: nobody in without it, each action with its role, and no word of the provider taken unchecked."""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from quart import Response, g
from quart.typing import ResponseReturnValue
from quart.typing import TestClientProtocol as Client
from quart.wrappers.response import ResponseBody

from pipeline.core.errors import SettingsError
from pipeline.core.settings.tools import HealthSettings
from pipeline.core.settings.web import LoginSettings, WebSettings
from tests.support.edge import Edge
from web.app import create_app
from web.login import access
from web.login.access import needed_role
from web.login.own_path import own_path
from web.site import live

KEY = RSAKey.generate_key(2048, {"kid": "1"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "1"})
CODE = "the-code"


def settings(edge: Edge, **changes: Any) -> WebSettings:
    login = LoginSettings(issuer=edge.url, client_id="web", client_secret="hush", session_key="k" * 32)
    given: dict[str, Any] = {"gateway_url": edge.url, "query_url": edge.url, "timeout_s": 2, "login": login} | changes
    return WebSettings(**given)


@pytest.fixture
async def closed(edge: Edge) -> AsyncIterator[Client]:
    """The pages behind a login, and the edge as its provider."""
    edge.answer(
        "/.well-known/openid-configuration",
        (
            200,
            {
                "issuer": edge.url,
                "authorization_endpoint": f"{edge.url}/authorize",
                "token_endpoint": f"{edge.url}/token",
                "jwks_uri": f"{edge.url}/jwks",
            },
        ),
    )
    edge.answer("/jwks", (200, {"keys": [KEY.as_dict(private=False)]}))
    async with create_app(settings(edge)).test_app() as running:
        yield running.test_client()


async def begin(client: Client, address: str = "/login?next=/events") -> dict[str, str]:
    """Begin a login; what the provider is asked for."""
    answer = await client.get(address)
    assert answer.status_code == 302
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def id_token(edge: Edge, asked: dict[str, str], key: Any = KEY, alg: str = "RS256", **claims: Any) -> str:
    own = {"iss": edge.url, "aud": "web", "sub": "ana", "iat": int(time.time()), "exp": int(time.time()) + 60}
    return jwt.encode({"alg": alg, "kid": "1"}, own | {"nonce": asked["nonce"]} | claims, key, algorithms=[alg])


async def finish(client: Client, edge: Edge, asked: dict[str, str], token: str) -> Any:
    edge.answer("/token", (200, {"access_token": "a", "token_type": "Bearer", "id_token": token}))
    return await client.get(f"/login/callback?code={CODE}&state={asked['state']}")


async def log_in(client: Client, edge: Edge, *roles: str) -> Any:
    asked = await begin(client)
    return await finish(client, edge, asked, id_token(edge, asked, roles=list(roles), name="Ana <b>"))


async def test_a_page_leads_to_the_login_and_the_login_back_to_it(closed: Client, edge: Edge) -> None:
    sent = await closed.get("/pipeline/dead-letters?place=c", headers={"accept": "text/html"})
    assert sent.headers["location"] == "/login?next=/pipeline/dead-letters?place%3Dc"
    asked = await begin(closed, sent.headers["location"])
    back = await finish(closed, edge, asked, id_token(edge, asked, roles=["reader"]))
    assert (back.status_code, back.headers["location"]) == (302, "/pipeline/dead-letters?place=c")


async def test_the_code_is_bound_to_the_browser_that_asked_for_it(closed: Client, edge: Edge) -> None:
    asked = await begin(closed)
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"] == "http://127.0.0.1:8080/login/callback"
    await finish(closed, edge, asked, id_token(edge, asked))
    sent = {name: value for name, (value,) in parse_qs(edge.bodies[0].decode()).items()}
    digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
    assert (sent["code"], sent["grant_type"]) == (CODE, "authorization_code")
    assert edge.keys == [f"Basic {base64.b64encode(b'web:hush').decode()}"]


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/", "text/html", 302),
        ("/events", "text/html", 302),
        ("/pipeline", "text/html", 302),
        ("/nothing", "text/html", 302),
        ("/pipeline/parts", "text/event-stream", 401),
        ("/healthz", "text/html", 200),
        ("/static/style.css", "text/css", 200),
    ],
)
async def test_nobody_sees_anything_without_a_login(closed: Client, path: str, accept: str, status: int) -> None:
    assert (await closed.get(path, headers={"accept": accept})).status_code == status


ACTIONS = [
    ("/", {"type": "t"}, "publisher"),
    ("/pipeline/redrives", {"place": "b", "do": "discard_all"}, "operator"),
    ("/pipeline/redrives/1/start", {}, "operator"),
    ("/pipeline/redrives/1/stop", {}, "operator"),
]


@pytest.mark.parametrize(("path", "form", "needed"), ACTIONS)
@pytest.mark.parametrize("role", ["reader", "publisher", "operator"])
async def test_each_action_needs_its_role(
    closed: Client, edge: Edge, path: str, form: dict[str, str], needed: str, role: str
) -> None:
    assert (await closed.post(path, form=form)).status_code == 401
    await log_in(closed, edge, role)
    edge.answer("/events", (422, {"status": 422}))
    answer = await closed.post(path, form=form)
    ranks = ["reader", "publisher", "operator"]
    assert (answer.status_code == 403) == (ranks.index(role) < ranks.index(needed))


def test_every_action_of_the_pages_names_its_role(edge: Edge) -> None:
    app = create_app(settings(edge))
    actions = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    assert {action for action in actions if not needed_role(app, action)} == {"login.end"}


async def test_who_has_no_role_sees_nothing(closed: Client, edge: Edge) -> None:
    answer = await log_in(closed, edge, "admin", "OPERATOR")
    assert answer.status_code == 403
    assert "Ana &lt;b&gt;" in await answer.get_data(as_text=True)
    assert (await closed.get("/events", headers={"accept": "text/html"})).status_code == 302


async def test_a_logout_ends_it(closed: Client, edge: Edge) -> None:
    await log_in(closed, edge, "operator")
    edge.answer("/events", (200, {"events": []}))
    page = await closed.get("/events")
    assert "Ana &lt;b&gt;" in await page.get_data(as_text=True)
    assert page.headers["cache-control"] == "no-store"
    assert (await closed.post("/logout", headers={"sec-fetch-site": "cross-site"})).status_code == 403
    assert (await closed.post("/logout")).headers["location"] == "/login/ended"
    assert (await closed.get("/events", headers={"accept": "text/html"})).status_code == 302


Forge = Callable[[Edge, dict[str, str]], str]
FORGERIES: dict[str, Forge] = {
    "another key": lambda edge, asked: id_token(edge, asked, key=OTHER_KEY),
    "the secret as the key": lambda edge, asked: id_token(edge, asked, key=OctKey.import_key("hush" * 8), alg="HS256"),
    "no signature": lambda edge, asked: f"{_part({'alg': 'none'})}.{_part({'sub': 'ana', 'iss': edge.url})}.",
    "another nonce": lambda edge, asked: id_token(edge, asked, nonce="x"),
    "another audience": lambda edge, asked: id_token(edge, asked, aud="other"),
    "another party": lambda edge, asked: id_token(edge, asked, aud=["web", "other"], azp="other"),
    "another issuer": lambda edge, asked: id_token(edge, asked, iss="https://other.example"),
    "an old one": lambda edge, asked: id_token(edge, asked, exp=int(time.time()) - 120),
    "no token": lambda edge, asked: "x",
}


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_token_that_does_not_hold_lets_nobody_in(closed: Client, edge: Edge, forgery: str) -> None:
    asked = await begin(closed)
    answer = await finish(closed, edge, asked, FORGERIES[forgery](edge, asked))
    assert answer.status_code == 403
    assert "The login did not come to its end" in await answer.get_data(as_text=True)
    assert (await closed.get("/events", headers={"accept": "text/html"})).status_code == 302


@pytest.mark.parametrize("query", ["code=c&state=x", "code=c", "error=access_denied", ""])
async def test_an_answer_that_nobody_asked_for_lets_nobody_in(closed: Client, edge: Edge, query: str) -> None:
    await begin(closed)
    assert (await closed.get(f"/login/callback?{query}")).status_code == 403
    assert edge.bodies == []


async def test_an_answer_counts_once_and_in_its_own_browser(closed: Client, edge: Edge) -> None:
    asked = await begin(closed)
    token = id_token(edge, asked, roles=["reader"])
    stranger = closed.app.test_client()
    assert (await finish(stranger, edge, asked, token)).status_code == 403
    assert (await finish(closed, edge, asked, token)).status_code == 302
    assert (await finish(closed, edge, asked, token)).status_code == 403


@pytest.mark.parametrize("answer", [(503, {}), (200, []), (200, {"issuer": "https://other.example"})])
async def test_a_provider_that_is_none_is_said(closed: Client, edge: Edge, answer: tuple[int, Any]) -> None:
    edge.answer("/.well-known/openid-configuration", answer)
    page = await closed.get("/login")
    assert page.status_code == 503
    assert "The login does not answer" in await page.get_data(as_text=True)


@pytest.mark.parametrize(
    "path",
    [
        "//other.example",
        "https://other.example",
        "/\\other.example",
        "/\t/other.example",
        "other",
        "/\n",
        "javascript:1",
    ],
)
async def test_no_login_leads_to_another_site(path: str) -> None:
    assert own_path(path) == "/"


async def test_the_session_is_in_a_cookie_that_scripts_and_other_sites_do_not_get(edge: Edge, closed: Client) -> None:
    cookie = (await closed.get("/login")).headers["set-cookie"]
    assert cookie.startswith("mensageria=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    public = settings(edge, health=HealthSettings(web_url="https://events.example"), host="0.0.0.0")
    async with create_app(public).test_app() as running:
        cookie = (await running.test_client().get("/login", headers={"host": "events.example"})).headers["set-cookie"]
    assert cookie.startswith("__Host-mensageria=")
    assert "Secure" in cookie


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"health": HealthSettings(web_url="http://events.example")}, "MENSAGERIA_WEB_URL"),
        (
            {
                "login": LoginSettings(
                    issuer="http://id.example", client_id="w", client_secret="s", session_key="k" * 32
                )
            },
            "ISSUER",
        ),
        (
            {"login": LoginSettings(issuer="https://id.example", client_id="w", client_secret="s", session_key="k")},
            "SESSION_KEY",
        ),
    ],
)
def test_a_login_that_others_could_read_does_not_start(edge: Edge, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        create_app(settings(edge, **changes))


def body_of(answer: ResponseReturnValue) -> ResponseBody:
    assert isinstance(answer, Response)
    assert isinstance(answer.response, ResponseBody)
    return answer.response


async def test_a_stream_ends_with_its_session(edge: Edge, closed: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def parts() -> AsyncGenerator[str, None]:
        yield "<p>one</p>"
        await asyncio.Event().wait()

    ends_soon = access.Person("ana", "Ana", int(access.READER), time.time() + 0.2)
    async with closed.app.test_request_context("/pipeline/parts"):
        g.person = ends_soon
        async with body_of(live.stream(parts())) as body:
            sent = await asyncio.wait_for(_all_of(body), 5)
    assert sent == b"event: parts\ndata: <p>one</p>\n\nevent: end\ndata: \n\n"


async def test_a_stream_without_news_has_comments(closed: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """More often than a load balancer's idle timeout, and without a part being lost to them."""
    assert live._HEARTBEAT_S < 60 / 2
    monkeypatch.setattr(live, "_HEARTBEAT_S", 0.01)
    heard = asyncio.Event()

    async def parts() -> AsyncGenerator[str, None]:
        await heard.wait()
        yield "<p>one</p>"

    async with closed.app.test_request_context("/pipeline/parts"):
        sent = []
        async with body_of(live.stream(parts())) as body, asyncio.timeout(5):
            async for chunk in body:
                sent.append(chunk)
                if len(sent) == 3:
                    heard.set()
    assert set(sent[:3]) == {b":\n\n"}
    assert [each for each in sent if each != b":\n\n"] == [
        b"event: parts\ndata: <p>one</p>\n\n",
        b"event: end\ndata: \n\n",
    ]


async def _all_of(body: Any) -> bytes:
    return b"".join([chunk async for chunk in body])


async def test_a_login_that_is_begun_ends_no_session(closed: Client, edge: Edge) -> None:
    """Any site can lead a browser to /login."""
    await log_in(closed, edge, "reader")
    await begin(closed)
    assert (await closed.get("/many")).status_code == 200
