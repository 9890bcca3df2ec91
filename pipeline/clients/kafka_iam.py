"""SASL by IAM, as Amazon MSK speaks it: the role of this process in place of a user and a password.

The token is a signed URL, sent by OAUTHBEARER:
https://docs.aws.amazon.com/msk/latest/developerguide/iam-access-control.html
"""

import base64
from typing import Any

import aioboto3
from aiokafka.abc import AbstractTokenProvider
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError, NoRegionError

from pipeline.core.settings import aws_region

_EXPIRES_S = 900


class RoleToken(AbstractTokenProvider):  # type: ignore[misc]
    """A token of this process' role; a new one for each connection."""

    async def token(self) -> str:
        """Raises NoCredentialsError and NoRegionError (botocore)."""
        session: Any = aioboto3.Session(region_name=aws_region())
        if not session.region_name:
            raise NoRegionError
        found = await session.get_credentials()
        if found is None:
            raise NoCredentialsError
        frozen = await found.get_frozen_credentials()
        return signed(Credentials(frozen.access_key, frozen.secret_key, frozen.token), session.region_name)


def signed(credentials: Credentials, region: str) -> str:
    """The token for the brokers of `region`: base64 without padding of a URL, good for 15 minutes."""
    request = AWSRequest("GET", f"https://kafka.{region}.amazonaws.com/", params={"Action": "kafka-cluster:Connect"})
    SigV4QueryAuth(credentials, "kafka-cluster", region, expires=_EXPIRES_S).add_auth(request)
    url = f"{request.url}&User-Agent=mensageria"  # not signed, and asked for
    return base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
