"""The app at its edge, as far as no store is asked; and its archive."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lambda_query import package
from lambda_query.answers import Verbatim, encode
from lambda_query.app import App, create_app
from pipeline.errors import SettingsError
from pipeline.settings import QuerySettings

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def settings(**changes: Any) -> QuerySettings:
    return QuerySettings(**{"postgres_url": "postgresql://127.0.0.1:1/none", "cursor_key": "k" * 32} | changes)


@pytest.fixture
def app() -> App:
    return create_app(settings())


def request(path: str, query: str = "", method: str = "GET", **headers: str) -> dict[str, Any]:
    http = {"method": method, "path": path}
    return {"rawPath": path, "rawQueryString": query, "headers": headers, "requestContext": {"http": http}}


def test_an_unknown_path_is_404(app: App) -> None:
    response = app(request("/events/"))
    assert response["statusCode"] == 404
    assert response["headers"]["content-type"] == "application/problem+json"
    assert json.loads(response["body"])["type"] == "urn:mensageria:problem:not-found"


def test_another_method_is_405(app: App) -> None:
    response = app(request("/event", method="DELETE"))
    assert (response["statusCode"], response["headers"]["allow"]) == (405, "GET")


def test_a_wrong_parameter_is_400_and_named(app: App) -> None:
    response = app(request("/events", "limit=0&colour=1"))
    body = json.loads(response["body"])
    assert (response["statusCode"], body["status"]) == (400, 400)
    assert [error["parameter"] for error in body["errors"]] == ["colour"]
    assert "colour" in body["detail"]


def test_a_request_is_one_log_line_with_the_callers_trace(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app(request("/event", "id=secret", traceparent=TRACEPARENT))
    [line] = capsys.readouterr().err.splitlines()
    logged = json.loads(line)
    assert (logged["route"], logged["status"]) == ("/event", 400)
    assert logged["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert logged["duration_ms"] >= 0
    assert "secret" not in line


def test_a_failure_of_the_code_is_500_and_logged(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    response = app(request("/events") | {"rawQueryString": 7})
    assert response["statusCode"] == 500
    assert "Traceback" in json.loads(capsys.readouterr().err)["traceback"]


def test_a_short_cursor_key_is_refused() -> None:
    with pytest.raises(SettingsError, match="CURSOR_KEY"):
        create_app(settings(cursor_key="short"))


def test_stored_json_is_not_read_and_written_anew() -> None:
    text = encode({"a": [Verbatim('{"n": 1.10}'), None, True], "é": "\n"})
    assert text == '{"a":[{"n": 1.10},null,true],"\\u00e9":"\\n"}'


def test_the_archive_is_the_same_each_time_and_enough(tmp_path: Path) -> None:
    first, second = package.build(tmp_path / "1.zip"), package.build(tmp_path / "2.zip")
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < 10_000_000
    content = tmp_path / "content"
    with zipfile.ZipFile(first) as archive:
        archive.extractall(content)
    # The runtime's own packages last, as in Lambda; nothing of this checkout.
    sites = [path for path in sys.path if path.endswith("site-packages")]
    loaded = "[name for name in ('msgspec', 'boto3', 'aiobotocore', 'structlog') if name in sys.modules]"
    program = (
        f"import sys; sys.path[:0] = [{str(content)!r}]; sys.path += {sites!r}\n"
        "import lambda_query.handler, pipeline, pg8000\n"
        f"print(pipeline.__file__, pg8000.__file__, {loaded})"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f"{content}/pipeline/__init__.py", f"{content}/pg8000/__init__.py", "[]"]
