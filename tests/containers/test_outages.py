"""Containers that are restarted, killed and stopped, and an engine that is: no event is lost, and all comes back."""

from datetime import datetime

import pytest

from tests.containers.engine import OwnEngine
from tests.containers.installation import Installation

pytestmark = [pytest.mark.long, pytest.mark.containers, pytest.mark.timeout(2400)]
SERVERS = ("kafka", "postgres", "dynamodb")
SERVICES = ("gateway", "web", "service-b", "service-c")
STOP_S = 10
JAVA_STOPPED = 143


@pytest.mark.parametrize("service", [*SERVERS, "aws", *SERVICES])
def test_a_restart_loses_nothing(up: Installation, service: str) -> None:
    up.publish_until_accepted(f"before-restart-{service}")
    up.compose("restart", service)
    up.publish_until_accepted(f"after-restart-{service}")
    up.becomes_healthy()
    for moment in ("before", "after"):
        up.has_arrived(f"{moment}-restart-{service}")


@pytest.mark.parametrize("service", [*SERVERS, *SERVICES])
def test_a_killed_container_comes_back_and_nothing_is_lost(up: Installation, service: str) -> None:
    [before] = up.containers(service)
    up.publish_until_accepted(f"before-kill-{service}")
    up.kill(before)
    up.until(lambda: up.containers(service)[0]["RestartCount"] > before["RestartCount"])
    up.publish_until_accepted(f"after-kill-{service}")
    up.becomes_healthy()
    for moment in ("before", "after"):
        up.has_arrived(f"{moment}-kill-{service}")


def test_make_up_and_a_repair_bring_back_what_a_killed_emulator_held(up: Installation) -> None:
    up.compose("stop", "service-b")
    up.publish_until_accepted("held")
    [before] = up.containers("aws")
    forget = "import shutil; shutil.rmtree('/var/lib/emulator/state', ignore_errors=True)"
    up.compose("exec", "--no-TTY", "aws", "python", "-c", forget)  # as one that was never stopped in order
    up.kill(before)
    up.until(lambda: up.containers("aws")[0]["RestartCount"] > before["RestartCount"])
    # The moment in which `docker compose up --wait` gives up: a service is not healthy, since its queue is gone.
    up.until(lambda: health(up, "service-c") == "unhealthy", within_s=90)
    assert "all is ready" in up.up()
    up.publish_until_accepted("after-crash")
    up.has_arrived("after-crash")

    def is_repaired() -> bool:
        up.compose("run", "--rm", "--no-TTY", "tools", "mensageria", "differences", "--repair")
        return bool(up.record("held"))

    up.until(is_repaired, within_s=180)


def health(up: Installation, service: str) -> str:
    return str(up.containers(service)[0]["State"]["Health"]["Status"])


def test_events_that_wait_in_every_queue_outlive_make_down(up: Installation) -> None:
    up.compose("stop", "service-b", "service-c")
    up.publish_until_accepted("waits-b-c-topic")
    up.compose("stop", "kafka")
    up.publish_until_accepted("waits-pending")
    up.down()
    up.up()
    for id_ in ("waits-b-c-topic", "waits-pending"):
        up.has_arrived(id_)


def test_everything_stops_in_time_and_in_order(up: Installation) -> None:
    up.publish_until_accepted("before-stop")
    for service in (*SERVICES, "aws", "dynamodb", "postgres", "kafka"):
        before = datetime.fromisoformat(up.engine.docker("system", "info", "--format", "{{.SystemTime}}").strip()[:26])
        up.compose("stop", service)
        [container] = up.containers(service)
        after = datetime.fromisoformat(container["State"]["FinishedAt"][:26])
        assert container["State"]["ExitCode"] == (JAVA_STOPPED if service == "kafka" else 0), service
        assert (after - before).total_seconds() < STOP_S, service
    up.up()
    up.has_arrived("before-stop")


@pytest.mark.own_engine
def test_all_comes_back_by_itself_after_a_restart_of_the_machine(up: Installation) -> None:
    assert isinstance(up.engine, OwnEngine)
    up.compose("stop", "service-b")
    up.publish_until_accepted("before-machine-restart")
    up.compose("start", "service-b")
    up.engine.stop()
    up.engine.start()
    up.becomes_healthy()
    up.has_arrived("before-machine-restart")
    up.publish_until_accepted("after-machine-restart")
    up.has_arrived("after-machine-restart")


@pytest.mark.own_engine
def test_make_up_after_a_loss_of_power(up: Installation) -> None:
    assert isinstance(up.engine, OwnEngine)
    up.publish_until_accepted("before-power-loss")
    up.has_arrived("before-power-loss")
    up.engine.kill()
    up.engine.start()
    assert "all is ready" in up.up()
    assert up.has_arrived("before-power-loss")
    up.publish_until_accepted("after-power-loss")
    up.has_arrived("after-power-loss")
