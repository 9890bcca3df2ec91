"""Makes the events table where CloudFormation doesn't reach: on DynamoDB Local."""

from infra import template
from pipeline.aws import Endpoint, client


async def make(endpoint: Endpoint | None = None) -> None:
    """Make the table that the template defines, or find it made. Safe to repeat.

    `endpoint` is None where the SDK's own settings name it.
    """
    table = template.table()
    async with client("dynamodb", endpoint) as dynamodb:
        there = await dynamodb.list_tables()
        if table["TableName"] not in there["TableNames"]:
            await dynamodb.create_table(**table)
            # It answers before the table can be written to. Of one that was there, this would count every item.
            await dynamodb.get_waiter("table_exists").wait(TableName=table["TableName"], WaiterConfig={"Delay": 1})
        told = await dynamodb.describe_time_to_live(TableName=table["TableName"])
        if told["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED":  # it refuses to be enabled twice
            await dynamodb.update_time_to_live(**template.time_to_live())
