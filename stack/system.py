"""The whole system: what is started in which order, and the addresses that it publishes."""

from collections.abc import Awaitable, Callable

from pipeline.core.settings.stack import StackSettings
from stack import aws, dynamodb, jaeger, kafka, postgres, prometheus, services
from stack.console import say
from stack.home import Home
from stack.ports import Ports
from stack.supervisor import Supervisor

Start = Callable[[Supervisor, StackSettings, Home, Ports], Awaitable[dict[str, str]]]
"""Starts a system; returns its addresses."""


async def start(supervisor: Supervisor, settings: StackSettings, home: Home, ports: Ports) -> dict[str, str]:
    """Start the servers, then the services; returns the addresses, as endpoints.json has them.

    Raises PartFailed (in an exception group) or StackError.
    """
    outputs = await start_servers(supervisor, settings, home, ports)
    await supervisor.start(
        services.gateway(home, ports, outputs),
        services.web(home, ports, outputs),
        services.service_b(home, ports, outputs),
        services.service_c(home, ports, outputs),
    )
    if ports.prometheus:
        await supervisor.start(prometheus.part(home, ports))
    return endpoints(settings, home, ports, outputs)


async def start_servers(supervisor: Supervisor, settings: StackSettings, home: Home, ports: Ports) -> dict[str, str]:
    """Start what the services run on; returns the template's outputs.

    Raises PartFailed (in an exception group) or StackError.
    """
    if aws.has_crashed(home):
        say(aws.NOTICE)
    if settings.dynamodb == "disk" and dynamodb.is_replaced(home):
        say(dynamodb.NOTICE)
    await supervisor.start(
        kafka.part(home, ports, settings.kafka),
        postgres.part(home, ports),
        dynamodb.part(home, ports, aws.endpoint(home, ports.dynamodb), settings.dynamodb),
        aws.part(home, ports),
        *([jaeger.part(home, ports)] if ports.jaeger else []),
    )
    return await aws.outputs(home, ports)


def endpoints(settings: StackSettings, home: Home, ports: Ports, outputs: dict[str, str]) -> dict[str, str]:
    """The addresses by the names of endpoints.json; `outputs` are the template's."""
    return {
        "gateway": services.url(ports.gateway),
        "web": services.url(ports.web),
        "query": aws.query_url(ports),
        "service_b": services.url(ports.service_b),
        "service_c": services.url(ports.service_c),
        "kafka": services.kafka_address(ports),
        "postgres": postgres.url(home, ports),
        "aws": aws.endpoint(home, ports.aws).endpoint_url,
        "dynamodb": aws.endpoint(home, ports.dynamodb).endpoint_url,
        "region": aws.REGION,
        "access_key": aws.endpoint(home, ports.aws).aws_access_key_id,
        "secret_key": aws.SECRET_KEY,
        "topic_arn": outputs["TopicArn"],
        "queue_b": outputs["QueueBUrl"],
        "queue_c": outputs["QueueCUrl"],
        "dead_letter_b": outputs["DeadLetterBUrl"],
        "dead_letter_c": outputs["DeadLetterCUrl"],
        "kafka_topic": settings.kafka.topic,
        "kafka_dead_letter_topic": settings.kafka.dead_letter_topic,
        "table": outputs["TableName"],
    } | {name: services.url(port) for name in ("prometheus", "jaeger") if (port := getattr(ports, name))}
