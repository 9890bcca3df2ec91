"""One engine, and one installation that is up, for all tests of this package."""

from collections.abc import Iterator

import pytest

from tests.containers import engine as engines
from tests.containers import installation as installations
from tests.containers import stand_ins
from tests.containers.engine import Engine
from tests.containers.installation import Installation


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The machine's own engine with the real images, or the tests' with stand-ins for them."""
    with engines.running() as running:
        if running.is_own:
            stand_ins.make(running)
        yield running


@pytest.fixture(scope="session")
def made(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation after its first `make up`."""
    installation = installations.make(engine, tmp_path_factory.mktemp("installation"))
    try:
        installation.up()
        yield installation
    finally:
        installation.remove()


@pytest.fixture
def up(made: Installation) -> Installation:
    """The installation, healthy, whatever the test before did to it."""
    if not made.is_healthy():
        made.up()
    return made
