"""Entry point of the Lambda function. The app, with its connections, lives as long as the instance."""

from functools import cache
from typing import Any

from lambda_query import secret
from lambda_query.answers import Response
from lambda_query.app import App, create_app
from pipeline.core.settings import read
from pipeline.core.settings.query import AwsSettings, QuerySettings, SecretSettings


def handle(event: dict[str, Any], _context: object) -> Response:
    """The response to `event`, an HTTP API's request in payload format 2.0.

    Raises SettingsError at the first request where a setting is missing or wrong.
    """
    return _app()(event)


@cache
def _app() -> App:
    arn = read(SecretSettings).secret
    fetched = secret.fetch(arn, read(AwsSettings)) if arn else None
    return create_app(read(QuerySettings, before=fetched))
