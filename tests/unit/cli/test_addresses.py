"""Where the command finds the system: in the environment or in one file, never in both."""

import json
from pathlib import Path

import pytest

from cli.addresses import _NAMES, NoSystem, find
from pipeline.core.errors import SettingsError
from pipeline.core.settings.tools import EdgeSettings, QueueSettings

OTHERS = ("aws", "dynamodb", "region", "access_key", "secret_key")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "endpoints.json").write_text(json.dumps({name: f"local {name}" for name in (*_NAMES, *OTHERS)}))
    monkeypatch.setenv("MENSAGERIA_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("home")
def test_a_running_system_is_found_by_its_file() -> None:
    found = find()
    assert found.read(QueueSettings).dead_letter_c_url == "local dead_letter_c"
    assert found.read(EdgeSettings).query_url == "local query"
    assert found.sqs
    assert found.dynamodb
    assert (found.sqs.endpoint_url, found.dynamodb.endpoint_url) == ("local aws", "local dynamodb")


@pytest.mark.usefixtures("home")
def test_one_address_in_the_environment_and_nothing_comes_from_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENSAGERIA_QUERY_URL", "https://query.example")
    found = find()
    assert (found.sqs, found.read(EdgeSettings).query_url) == (None, "https://query.example")
    with pytest.raises(SettingsError, match="MENSAGERIA_QUEUE_B_URL"):
        found.read(QueueSettings)


@pytest.mark.usefixtures("home")
def test_what_is_no_address_goes_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENSAGERIA_GATEWAY_KEY", "key")
    settings = find().read(EdgeSettings)
    assert (settings.gateway_url, settings.gateway_key) == ("local gateway", "key")
    assert "local postgres" not in repr(find())


def test_no_system_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENSAGERIA_HOME", str(tmp_path))
    with pytest.raises(NoSystem, match="make run"):
        find()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"gateway": 1}', b"\xff"])
def test_a_file_that_is_not_whole_says_so(home: Path, content: bytes) -> None:
    (home / "endpoints.json").write_bytes(content)
    with pytest.raises(NoSystem, match=r"endpoints\.json .*`make run` writes it"):
        find()
