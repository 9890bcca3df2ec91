"""The signature: the same as botocore's own."""

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from pipeline.core.signature import Credentials, Signer

MOMENT = datetime(2026, 11, 23, 15, 24, tzinfo=UTC)
CONTENT = '{"QueueUrl": "olá"}'.encode()


@pytest.mark.parametrize("url", ["https://sqs.eu-west-1.amazonaws.com", "http://127.0.0.1:4566/"])
@pytest.mark.parametrize("token", [None, "a/session+token=="])
@pytest.mark.parametrize("own", [{"content-type": "application/json"}, {"content-type": "x", "x-amz-target": "A.B"}])
def test_the_signature_is_botocores(
    monkeypatch: pytest.MonkeyPatch, url: str, token: str | None, own: dict[str, str]
) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: MOMENT.replace(tzinfo=None))
    theirs = AWSRequest("POST", url, data=CONTENT, headers=own)
    SigV4Auth(BotocoreCredentials("AKID", "secret", token), "sqs", "eu-west-1").add_auth(theirs)
    ours = Signer(url, "eu-west-1", "sqs").headers(CONTENT, own, Credentials("AKID", "secret", token), MOMENT)
    assert ours["authorization"] == theirs.headers["Authorization"]
    assert ours.items() >= own.items()
