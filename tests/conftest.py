"""What all tests share: one real system, and the full counts behind `--long`."""

from collections.abc import Iterator

import hypothesis
import pytest

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
    left_out = {name for name, is_in in _conditions(config).items() if not is_in}
    out = [item for item in items if left_out & {marker.name for marker in item.iter_markers()}]
    items[:] = [item for item in items if item not in out]
    config.hook.pytest_deselected(items=out)


def pytest_report_header() -> list[str]:
    """What the tests of this run do without."""
    missing = []
    if not prometheus_server.IS_INSTALLED:
        missing.append(
            "prometheus is not installed (Debian and Ubuntu: the package prometheus): its tests are left out"
        )
    if not jaeger_server.PROGRAM:
        missing.append("no program `jaeger`, version 2, is in PATH: the test of its API is left out")
    for language in sdk_programs.TOOLCHAINS:
        if programs := sdk_programs.missing(language):
            missing.append(f"{' and '.join(programs)} not in PATH: the test of the {language} SDK is left out")
    return missing


def _conditions(config: pytest.Config) -> dict[str, bool]:
    """Whether the tests with each marker are in."""
    return {
        "long": bool(config.getoption("--long")),
        "prometheus": prometheus_server.IS_INSTALLED,
        "jaeger": jaeger_server.PROGRAM is not None,
        **{language: not sdk_programs.missing(language) for language in sdk_programs.TOOLCHAINS},
    }


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
