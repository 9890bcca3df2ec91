"""`python -m infra.layout`: what it says where a server doesn't answer."""

import os
import socket
import subprocess
import sys

import pytest

from infra import layout
from infra.cloudformation import DeployFailed
from pipeline.clients.aws import Endpoint
from tests.support.running_system import ROOT

SERVERS = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "MENSAGERIA_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "MENSAGERIA_QUERY_POSTGRES_URL": "postgresql://127.0.0.1:1/none",
    "MENSAGERIA_CURSOR_KEY": "c" * 32,
}


async def test_an_emulator_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "_DEADLINE_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        endpoint = Endpoint(endpoint_url=url, region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")
        with pytest.raises(DeployFailed, match=r"did not lay out the stack within 0\.5 s"):
            await layout.stack({}, endpoint)


def test_a_server_that_is_away_is_one_line() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "infra.layout"],
        cwd=ROOT,
        env=os.environ | SERVERS,  # noqa: TID251
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("layout: KafkaConnectionError")
