"""SASL by IAM: the token, and what aiokafka is told."""

import base64
from urllib.parse import parse_qs, urlsplit

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError, NoRegionError

from pipeline.clients import kafka
from pipeline.clients.kafka_iam import RoleToken, signed
from pipeline.core import settings
from pipeline.core.settings.kafka import KafkaSettings


def opened(token: str) -> tuple[str, dict[str, list[str]]]:
    url = urlsplit(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode())
    return f"{url.scheme}://{url.netloc}{url.path}", parse_qs(url.query)


def test_the_token_is_a_signed_url_of_the_region() -> None:
    """As MSK's own signers make it: https://github.com/aws/aws-msk-iam-sasl-signer-python"""
    token = signed(Credentials("AKID", "secret", "session"), "eu-west-1")
    assert "=" not in token
    address, query = opened(token)
    assert address == "https://kafka.eu-west-1.amazonaws.com/"
    assert query["Action"] == ["kafka-cluster:Connect"]
    assert query["X-Amz-Expires"] == ["900"]
    assert query["X-Amz-Security-Token"] == ["session"]
    assert query["X-Amz-Credential"][0].endswith("/eu-west-1/kafka-cluster/aws4_request")
    assert len(query["X-Amz-Signature"][0]) == 64
    assert query["User-Agent"] == ["mensageria"]


async def test_the_role_of_this_process_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-west-2"}.items():
        monkeypatch.setenv(name, value)
    address, query = opened(await RoleToken().token())
    assert address == "https://kafka.eu-west-2.amazonaws.com/"
    assert query["X-Amz-Credential"][0].startswith("AKID/")


async def test_without_a_role_or_a_region_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(NoRegionError):
        await RoleToken().token()
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    with pytest.raises(NoCredentialsError):
        await RoleToken().token()


async def test_aiokafka_takes_what_it_is_told() -> None:
    told = kafka.connection(KafkaSettings(security_protocol="SASL_SSL", mechanism="AWS_MSK_IAM"))
    assert told["sasl_mechanism"] == "OAUTHBEARER"
    AIOKafkaAdminClient(**told)  # refuses at once what does not go together


def test_the_region_is_aws_region_and_else_botocores() -> None:
    assert settings.aws_region({"AWS_REGION": "eu-west-1"}) == "eu-west-1"
    assert settings.aws_region({"AWS_REGION": ""}) is None
    assert settings.aws_region({}) is None
