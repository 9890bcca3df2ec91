"""The pages, running."""

from collections.abc import AsyncIterator, Iterator

import pytest
from jinja2.bccache import Bucket, BytecodeCache
from quart import Quart
from quart.templating import Environment
from quart.typing import TestClientProtocol as Client

from pipeline.core.settings.web import WebSettings
from tests.support.edge import Edge
from web.app import create_app


class Compiled(BytecodeCache):
    """What templates are compiled to, for the apps of all tests."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if kept := self._kept.get(bucket.key):
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="package", autouse=True)
def templates_are_compiled_once() -> Iterator[None]:
    """Each app compiles its templates as it shows them, which takes longer than most tests."""
    create, compiled = Quart.create_jinja_environment, Compiled()

    def with_compiled(app: Quart) -> Environment:
        environment = create(app)
        environment.bytecode_cache = compiled
        return environment

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Quart, "create_jinja_environment", with_compiled)
        yield


@pytest.fixture
async def pages(edge: Edge) -> AsyncIterator[Client]:
    """A client of the running pages."""
    app = create_app(WebSettings(gateway_url=edge.url, query_url=f"{edge.url}/stage", timeout_s=2))
    async with app.test_app() as running:
        yield running.test_client()
