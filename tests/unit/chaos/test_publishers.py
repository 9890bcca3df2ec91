"""The fault kit's client: who gives up, what a seed fixes, and that no connection dies unseen."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from tests.chaos import publishers
from tests.chaos.journal import Journal, Told, read
from tests.chaos.publishers import Mix, Publishers
from tests.support.waiting import until

PLAIN = Mix(per_s=20_000, repeats=0, conflicts=0)
REQUESTS = 300


class Gateway:
    """Accepts each request at its first try, or from its second try on."""

    def __init__(self) -> None:
        self.url = ""
        self.refuses_first_tries = False
        self.tries = Counter[str]()
        """By the id of the first event."""

    async def answer(self, request: web.Request) -> web.Response:
        content = json.loads(await request.read())
        first = content[0] if isinstance(content, list) else content
        self.tries[first["id"]] += 1
        return web.Response(status=503 if self.refuses_first_tries and self.tries[first["id"]] == 1 else 202)


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[Gateway]:
    one, app = Gateway(), web.Application()
    app.router.add_post("/events", one.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield one
    await runner.cleanup()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(publishers, "_RETRY_S", 0)


async def published(gateway: Gateway, log: Path, mix: Mix = PLAIN) -> Told:
    """What was sent in `REQUESTS` requests and more."""
    gateway.tries.clear()
    journal = Journal(log)
    async with Publishers(gateway.url, "urn:test", journal, mix, seed=7).load():
        await until(lambda: has_had(gateway, REQUESTS), within_s=60)
    journal.close()
    return read(log)


async def has_had(gateway: Gateway, requests: int) -> bool:
    return len(gateway.tries) >= requests


async def test_one_in_ten_whose_first_try_fails_is_given_up(gateway: Gateway, tmp_path: Path) -> None:
    gateway.refuses_first_tries = True
    told = await published(gateway, tmp_path / "journal")
    given_up = sum(tries == 1 for tries in gateway.tries.values())
    assert 0.05 < given_up / len(gateway.tries) < 0.2
    assert len(told.accepted) < len(told.tried)


async def test_what_is_accepted_at_once_is_never_given_up(gateway: Gateway, tmp_path: Path) -> None:
    told = await published(gateway, tmp_path / "journal")
    assert set(gateway.tries.values()) == {1}
    assert told.accepted == told.tried


async def test_a_seed_sends_the_same_whatever_fails(gateway: Gateway, tmp_path: Path) -> None:
    well = await published(gateway, tmp_path / "well")
    gateway.refuses_first_tries = True
    failing = await published(gateway, tmp_path / "failing")
    assert list(well.tried.items())[:REQUESTS] == list(failing.tried.items())[:REQUESTS]


async def test_a_connection_that_died_is_an_error(gateway: Gateway, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.close()
    with pytest.raises(ExceptionGroup) as raised:
        async with Publishers(gateway.url, "urn:test", journal, PLAIN, seed=7).load():
            await asyncio.sleep(0)
    assert "closed file" in str(raised.value.exceptions[0])
