"""`python -m infra.layout`: what the servers of one machine must hold, before the services start.

The pipeline's stack on the emulator, the table on its own server, the topics on Kafka. `make run`
calls the same functions as it starts each server; in containers this is a job of its own.
"""

import asyncio
import sys

import structlog
from aiokafka.errors import KafkaError
from botocore.exceptions import BotoCoreError, ClientError

from infra import deploy, environment, table, topics
from infra.cloudformation import DeployFailed
from pipeline.clients.aws import Endpoint, client
from pipeline.core.errors import MensageriaError
from pipeline.core.settings import read
from pipeline.core.settings.infra import LayoutSettings
from pipeline.telemetry import logs

_BUCKET = "mensageria-code"
_DEADLINE_S = 60
_log = structlog.get_logger(__name__)


async def stack(parameters: dict[str, str], endpoint: Endpoint | None = None) -> dict[str, str]:
    """Deploy the template on the emulator, or find it deployed, and return its outputs by name. Safe to repeat.

    Raises DeployFailed, after a minute too.
    """
    local = parameters | {"Target": "local"}
    wanted = environment.Environment(name="local", code_bucket=_BUCKET, stacks={environment.PIPELINE: local})
    try:
        async with asyncio.timeout(_DEADLINE_S):
            return await deploy.deploy(wanted, endpoint)
    except TimeoutError:
        raise DeployFailed(
            f"the emulator did not lay out the stack within {_DEADLINE_S:g} s: its log says why"
        ) from None


async def lay_out(settings: LayoutSettings) -> dict[str, str]:
    """Lay out all three servers, which the settings and the SDK's own name. Safe to repeat."""
    await topics.make(settings.kafka)
    await table.make()
    async with client("dynamodb") as dynamodb:
        dynamodb_url = dynamodb.meta.endpoint_url
    return await stack(
        {
            "QueryPostgresUrl": settings.query_postgres_url,
            "CursorKey": settings.cursor_key,
            "DynamoDBEndpoint": dynamodb_url,
            "WebOrigin": settings.web_origin,
        }
    )


def main() -> None:
    """Lay out, and end."""
    try:
        settings = read(LayoutSettings)
        logs.configure("layout", settings.log)
        outputs = asyncio.run(lay_out(settings))
    except (MensageriaError, KafkaError, BotoCoreError, ClientError) as error:
        sys.exit(f"layout: {error}")
    _log.info("laid out", **outputs)


if __name__ == "__main__":
    main()
