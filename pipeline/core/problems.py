"""The one shape of an error: problem details (RFC 9457).

Only the standard library is imported here: the Lambda's archive holds this module.
"""

from http import HTTPStatus
from typing import Any

MEDIA_TYPE = "application/problem+json"


def problem(status: int, kind: str, detail: str, **members: Any) -> dict[str, Any]:
    """A problem document: `kind` is its short name, `detail` says what happened and what to do next."""
    return {
        "type": f"urn:mensageria:problem:{kind}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **members,
    }
