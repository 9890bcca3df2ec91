"""What all tests share: one real system, and the full counts behind `--long`."""

from collections.abc import Callable, Iterator

import hypothesis
import pytest

from tests.containers import engine
from tests.support import jaeger_server, logged, prometheus_server, sdk_programs
from tests.support.otlp_receiver import Receiver, receiving
from tests.support.running_system import System, running

SHORT, FULL = 0.1, 1.0
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the full counts, sizes and durations")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `long`, unless asked for, and what needs a program that is not installed."""
    marked = {item: {marker.name for marker in item.iter_markers()} for item in items}
    conditions = _conditions(config)
    left_out = {name for name in set().union(*marked.values()) if not conditions.get(name, lambda: True)()}
    out = [item for item in items if left_out & marked[item]]
    items[:] = [item for item in items if item not in out]
    config.hook.pytest_deselected(items=out)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """What the tests of this run do without."""
    missing = []
    if not prometheus_server.IS_INSTALLED:
        missing.append(
            "prometheus is not installed (Debian and Ubuntu: the package prometheus): its tests are left out"
        )
    if not _has_jaeger(config):
        missing.append("no program `jaeger`, version 2, is in PATH, and no Go to build one: its tests are left out")
    if config.getoption("--long"):
        if lacking := engine.missing():
            missing.append(f"no Docker engine, and no {', '.join(lacking)} to start one: its tests are left out")
        elif engine.here():
            missing.append("a Docker engine runs here and is used: the tests that restart an engine are left out")
    for language in sdk_programs.TOOLCHAINS:
        if programs := sdk_programs.missing(language):
            missing.append(f"{' and '.join(programs)} not in PATH: the test of the {language} SDK is left out")
    return missing


def _has_jaeger(config: pytest.Config) -> bool:
    return bool(jaeger_server.program()) or (bool(config.getoption("--long")) and jaeger_server.can_be_built())


def _conditions(config: pytest.Config) -> dict[str, Callable[[], bool]]:
    """Whether the tests with each marker are in."""
    return {
        "long": lambda: bool(config.getoption("--long")),
        "prometheus": lambda: prometheus_server.IS_INSTALLED,
        "jaeger": lambda: _has_jaeger(config),
        "containers": lambda: not engine.missing(),
        "own_engine": lambda: engine.here() is None,
        **{language: _has_toolchain(language) for language in sdk_programs.TOOLCHAINS},
    }


def _has_toolchain(language: str) -> Callable[[], bool]:
    return lambda: not sdk_programs.missing(language)


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
