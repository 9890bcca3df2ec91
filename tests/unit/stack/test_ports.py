"""Which ports a system takes."""

import socket
from collections.abc import Iterator
from dataclasses import astuple

import pytest

from pipeline.core.settings import read
from pipeline.core.settings.stack import StackSettings
from stack.errors import StackError
from stack.ports import choose, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_free_ports_are_all_different() -> None:
    ports = astuple(choose(StackSettings(ports="free", observe="1")))
    assert len(set(ports) - {None}) == 10


def test_prometheus_has_a_port_where_it_is_asked_for_alone(taken: int) -> None:
    settings = StackSettings(ports="free", prometheus_port=taken)
    assert choose(settings).prometheus is None
    with pytest.raises(StackError, match=rf"{taken} \(prometheus\)"):
        choose(StackSettings(observe="1", prometheus_port=taken))


def test_a_taken_port_is_named_with_its_part(taken: int) -> None:
    settings = read(StackSettings, {"MENSAGERIA_SERVICE_B_PORT": str(taken)})
    with pytest.raises(StackError, match=rf"port .*{taken} \(service-b\).*MENSAGERIA_PORTS=free"):
        choose(settings)


def test_a_port_on_all_addresses_is_taken() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_a_port_that_only_remembers_a_connection_is_free() -> None:
    """What a server that has just ended leaves (TIME_WAIT) doesn't stand in the way of the next."""
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    accepted, _ = server.accept()
    accepted.close()
    client.recv(1)
    client.close()
    server.close()
    assert is_free(port)
