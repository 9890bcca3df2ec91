"""Clients of AWS: what they share."""

from collections import Counter
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader

from pipeline.clients import aws
from pipeline.clients.aws import Endpoint

ENDPOINT = Endpoint(
    endpoint_url="http://127.0.0.1:9", region_name="r", aws_access_key_id="a", aws_secret_access_key="s"
)


async def test_the_models_of_a_service_are_parsed_once_however_many_clients_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parsed = Counter[str]()
    load = JSONFileLoader.load_file

    def counted(self: JSONFileLoader, path: str) -> Any:
        found = load(self, path)
        if found is not None:
            parsed[path] += 1
        return found

    monkeypatch.setattr(JSONFileLoader, "load_file", counted)
    aws._models.cache_clear()
    folders = []
    for service in ("sqs", "sns", "sqs", "sns"):
        async with aws.client(service, ENDPOINT) as client:
            assert client.meta.endpoint_url == ENDPOINT.endpoint_url
        folders.append(list(aws._models(None).search_paths))
    assert len([path for path in parsed if "service-2" in path]) == 2
    assert set(parsed.values()) == {1}
    assert folders == folders[:1] * 4
