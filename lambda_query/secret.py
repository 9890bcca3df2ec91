"""The variables that a secret in Secrets Manager holds."""

import json
from typing import Any

from lambda_query.aws_calls import AwsCalls, CallFailed
from pipeline.core.errors import SettingsError
from pipeline.core.settings.query import AwsSettings

_TIMEOUT_S = 5


def fetch(arn: str, settings: AwsSettings) -> dict[str, str]:
    """The variables in the secret `arn`. Raises SettingsError where they can't be had."""
    calls = AwsCalls("secretsmanager", settings, _TIMEOUT_S)
    try:
        answer = calls.call("GetSecretValue", {"SecretId": arn})
        variables: dict[str, Any] = json.loads(answer["SecretString"])
        return {name: str(value) for name, value in variables.items()}
    except CallFailed as error:
        raise SettingsError(f"MENSAGERIA_QUERY_SECRET names {arn}, which can't be read: {error}") from error
    except (KeyError, ValueError, AttributeError):
        raise SettingsError(f"MENSAGERIA_QUERY_SECRET names {arn}, which is no JSON object of variables") from None
    finally:
        calls.close()
