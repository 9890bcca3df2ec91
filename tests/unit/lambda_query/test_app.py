"""The app at its edge, as far as no store is asked."""

import json
from typing import Any

import pytest

from lambda_query.answers import Verbatim, array, encode
from lambda_query.app import App, create_app
from pipeline.core.errors import SettingsError
from pipeline.core.keys import new
from pipeline.core.settings.query import AwsSettings, QuerySettings

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def settings(**changes: Any) -> QuerySettings:
    aws = AwsSettings(region="eu-west-1", access_key="a", secret_key="s", endpoint_url="http://127.0.0.1:1")
    values: dict[str, Any] = {
        "query_postgres_url": "postgresql://127.0.0.1:1/none",
        "cursor_key": "k" * 32,
        "access": "open",
        "aws": aws,
    }
    return QuerySettings(**values | changes)


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
    assert (response["statusCode"], response["headers"]["allow"]) == (405, "GET, HEAD")
    assert json.loads(response["body"])["type"] == "urn:mensageria:problem:method"


@pytest.mark.parametrize("path", ["/openapi.json", "/event", "/none", "/events"])
def test_head_is_answered_as_get(app: App, path: str) -> None:
    """API Gateway leaves out the content: tests/e2e/test_pipeline.py has the whole."""
    told = app(request(path))
    assert told["body"]
    assert app(request(path, method="HEAD")) == told


def test_an_event_that_is_no_request_is_500_and_logged(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    assert app({"rawPath": "/events"})["statusCode"] == 500
    assert "KeyError" in json.loads(capsys.readouterr().err)["error"]


def test_a_wrong_parameter_is_400_and_named(app: App) -> None:
    response = app(request("/events", "limit=0&colour=1"))
    body = json.loads(response["body"])
    assert (response["statusCode"], body["status"]) == (400, 400)
    assert [error["parameter"] for error in body["errors"]] == ["colour"]
    assert "colour" in body["detail"]


def test_a_request_is_one_log_line_with_the_callers_trace_and_its_metrics(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    app(request("/event", "id=secret", traceparent=TRACEPARENT))
    [line] = capsys.readouterr().err.splitlines()
    logged = json.loads(line)
    assert (logged["http_route"], logged["http_response_status_code"]) == ("/event", "400")
    assert logged["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert "secret" not in line
    [metrics] = logged["_aws"]["CloudWatchMetrics"]
    named = {metric["Name"] for metric in metrics["Metrics"]} | {
        name for set_ in metrics["Dimensions"] for name in set_
    }
    assert "http_server_request_duration_seconds" in named
    assert named <= logged.keys()  # EMF takes values and dimensions from the line's own members
    assert logged["http_server_request_duration_seconds"] > 0


def test_a_failure_of_the_code_is_500_and_logged(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    response = app(request("/events") | {"rawQueryString": 7})
    assert response["statusCode"] == 500
    assert "Traceback" in json.loads(capsys.readouterr().err)["traceback"]


def test_a_short_cursor_key_is_refused() -> None:
    with pytest.raises(SettingsError, match="CURSOR_KEY"):
        create_app(settings(cursor_key="short"))


def test_without_keys_it_does_not_start_unless_it_is_open() -> None:
    with pytest.raises(SettingsError, match="QUERY_KEYS has no key"):
        create_app(settings(access="keys"))
    with pytest.raises(SettingsError, match="QUERY_KEYS: give `NAME SHA256`"):
        create_app(settings(access="keys", keys="shop abc"))


def test_who_has_a_key_may_ask_and_the_log_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    (key, line), (old, revoked) = new("shop"), new("mail")
    app = create_app(settings(access="keys", keys=f"{line}, {revoked} revoked"))
    for headers, status, kind in [
        ({}, 401, "no-key"),
        ({"authorization": "Bearer mens_other"}, 401, "no-key"),
        ({"authorization": f"Bearer {old}"}, 403, "key-revoked"),
        ({"authorization": f"Bearer {key}"}, 400, "invalid-parameters"),
    ]:
        response = app(request("/event", **headers))
        assert (response["statusCode"], json.loads(response["body"])["type"]) == (
            status,
            f"urn:mensageria:problem:{kind}",
        )
        assert ("www-authenticate" in response["headers"]) == (status == 401)
    logged = capsys.readouterr().err
    assert json.loads(logged.splitlines()[-1])["reader"] == "shop"
    assert key not in logged
    assert app(request("/openapi.json"))["statusCode"] == 200


def test_the_document_names_the_parameters_that_there_are(app: App) -> None:
    document = json.loads(app(request("/openapi.json"))["body"])
    assert document["openapi"].startswith("3.1.")
    for path, operations in document["paths"].items():
        told = json.loads(app(request(path, "colour=1"))["body"])["errors"][0]["detail"]
        named = [parameter["name"] for parameter in operations["get"].get("parameters", [])]
        expected = f"expected one of {', '.join(named)}" if named else "this route takes none"
        assert told == f"unknown parameter; {expected}"


def test_both_stores_down_is_503_and_says_when_to_come_again(app: App) -> None:
    for path, query in [("/events", ""), ("/event", "source=a&id=b"), ("/stats", ""), ("/differences", "")]:
        response = app(request(path, query))
        assert (response["statusCode"], response["headers"]["retry-after"]) == (503, "1"), path
        assert json.loads(response["body"])["unavailable"] == ["dynamodb", "postgres"]


def test_stored_json_is_not_read_and_written_anew() -> None:
    events = array([encode({"id": "é", "event": Verbatim('{"n": 1.10}')}), encode({"event": Verbatim("1e400")})])
    body = encode({"first": 1, "second": [None, True], "events": events, "next": "\n"})
    assert body.text == (
        '{"first":1,"second":[null,true],"events":[{"id":"é","event":{"n": 1.10}},{"event":1e400}],"next":"\\n"}'
    )
    with pytest.raises(TypeError):
        encode({"receipt": {"event": Verbatim("1")}})
