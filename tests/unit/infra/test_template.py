"""What is read from the template beside CloudFormation."""

from pathlib import Path

import pytest

from infra import template
from pipeline.core.table import BY_TIME, INDEXED


def test_the_table_is_what_create_table_takes() -> None:
    table = template.table()
    assert table["TableName"] == "events"
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["identity", "copy"]
    assert "DeletionProtectionEnabled" not in table
    assert "WarmThroughput" not in table["GlobalSecondaryIndexes"][0]


def test_cors_has_the_parameter_filled_in() -> None:
    cors = template.cors({"WebOrigin": "http://127.0.0.1:8080"})
    assert cors["AllowOrigins"] == ["http://127.0.0.1:8080"]
    assert cors["AllowMethods"] == ["GET"]


def test_short_forms_become_long_ones() -> None:
    resources = template.load()["Resources"]
    assert resources["SubscriptionB"]["Properties"]["TopicArn"] == {"Ref": "Topic"}
    assert resources["SubscriptionB"]["Properties"]["Endpoint"] == {"Fn::GetAtt": "QueueB.Arn"}
    assert resources["QueryApi"]["Properties"]["Tags"] == {"ms-custom-id": {"Fn::Sub": "${Prefix}mensageria"}}


def test_the_index_projects_what_the_query_reads_of_it() -> None:
    [index] = template.table()["GlobalSecondaryIndexes"]
    assert index["IndexName"] == BY_TIME
    assert index["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(INDEXED)}


@pytest.mark.parametrize("file", sorted(Path(template.__file__).parent.glob("*.yaml")), ids=lambda file: file.name)
def test_a_template_is_short_enough_to_be_sent_with_the_request(file: Path) -> None:
    """CloudFormation's quota of a TemplateBody; a longer one would have to lie in S3."""
    assert file.stat().st_size <= 51_200
