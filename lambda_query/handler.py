"""Entry point of the Lambda function. The app, with its connections, lives as long as the instance."""

import json
from functools import cache
from typing import Any

from lambda_query.answers import Response
from lambda_query.app import App, create_app
from lambda_query.aws_calls import AwsCalls, CallFailed
from pipeline.core.errors import SettingsError
from pipeline.core.settings import read
from pipeline.core.settings.query import AwsSettings, QuerySettings, SecretSettings

_SECRET_TIMEOUT_S = 5


def handle(event: dict[str, Any], _context: object) -> Response:
    """The response to `event`, an HTTP API's request in payload format 2.0.

    Raises SettingsError at the first request where a setting is missing or wrong.
    """
    return _app()(event)


@cache
def _app() -> App:
    arn = read(SecretSettings).secret
    fetched = fetch_secret(arn, read(AwsSettings)) if arn else None
    return create_app(read(QuerySettings, before=fetched))


def fetch_secret(arn: str, settings: AwsSettings) -> dict[str, str]:
    """The variables in the secret `arn`. Raises SettingsError where they can't be had."""
    calls = AwsCalls("secretsmanager", settings, _SECRET_TIMEOUT_S)
    try:
        answer = calls.call("GetSecretValue", {"SecretId": arn})
        variables: dict[str, Any] = json.loads(answer["SecretString"])
        return {name: str(value) for name, value in variables.items()}
    except CallFailed as error:
        raise SettingsError(f"MENSAGERIA_QUERY_SECRET names {arn}, which can't be read: {error}") from error
    except (KeyError, ValueError, AttributeError):
        raise SettingsError(f"MENSAGERIA_QUERY_SECRET names {arn}, which is not a JSON object of variables") from None
    finally:
        calls.close()
