"""What all tests share: one real system, and the full counts behind `--long`."""

from collections.abc import Iterator

import pytest

from tests import logged
from tests.otlp_receiver import Receiver, receiving
from tests.running_system import System, running

SHORT, FULL = 0.1, 1.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the full counts, sizes and durations")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `long`, unless asked for."""
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    items[:] = [item for item in items if item not in long]
    config.hook.pytest_deselected(items=long)


@pytest.fixture(scope="session")
def scale(pytestconfig: pytest.Config) -> float:
    """1 with `--long`, 0.1 without: multiply the full count of a test by it."""
    return FULL if pytestconfig.getoption("--long") else SHORT


@pytest.fixture(scope="session", autouse=True)
def nothing_secret_is_logged() -> Iterator[None]:
    """Fails in the end where a log of any system has the body of an event, a key or a secret in it."""
    yield
    leaks = logged.leaks()
    assert not leaks, "\n".join(leaks)


@pytest.fixture(scope="session")
def traces() -> Iterator[Receiver]:
    """What the system has traced."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, traces: Receiver) -> Iterator[System]:
    """The whole system, started once: `.endpoints`, `.home`, `.pid(part)`."""
    with running(tmp_path_factory.mktemp("system"), traces_to=traces.url) as one:
        yield one
