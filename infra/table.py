"""Makes the events table where CloudFormation doesn't reach: on the table's own server (stack/dynamodb.py)."""

from infra import template
from pipeline.clients.aws import Endpoint, client


async def make(endpoint: Endpoint | None = None) -> None:
    """Make the table that the template defines, or find it made. Safe to repeat.

    Its time to live is left out: the server has no UpdateTimeToLive, and removes nothing by itself.
    `endpoint` is None where the SDK's own settings name it.
    """
    table = template.table()
    async with client("dynamodb", endpoint) as dynamodb:
        there = await dynamodb.list_tables()
        if table["TableName"] not in there["TableNames"]:
            await dynamodb.create_table(**table)
            # It answers before the table can be written to.
            await dynamodb.get_waiter("table_exists").wait(TableName=table["TableName"], WaiterConfig={"Delay": 1})
