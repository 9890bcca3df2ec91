"""The project's own services, each with the settings that it reads and no others."""

from collections.abc import Mapping
from typing import Any

from pipeline.core.settings import given, inherited
from pipeline.core.settings.gateway import GatewaySettings
from pipeline.core.settings.web import WebSettings
from pipeline.core.settings.workers import ServiceBSettings, ServiceCSettings
from stack import aws, jaeger, postgres
from stack.home import BIN, Home
from stack.part import Part
from stack.ports import HOST, Ports
from stack.probes import answers


def gateway(home: Home, ports: Ports, outputs: Mapping[str, str]) -> Part:
    """Service A."""
    own = _own(
        GatewaySettings,
        ports,
        GATEWAY_PORT=str(ports.gateway),
        TOPIC_ARN=outputs["TopicArn"],
        KAFKA_BOOTSTRAP_SERVERS=kafka_address(ports),
    )
    return _part("gateway", ("python", "-m", "gateway"), own | _aws(home, ports), ports.gateway)


def web(home: Home, ports: Ports, outputs: Mapping[str, str]) -> Part:
    """The web pages."""
    own = _own(
        WebSettings,
        ports,
        WEB_PORT=str(ports.web),
        WEB_URL=url(ports.web),
        GATEWAY_URL=url(ports.gateway),
        QUERY_URL=aws.query_url(ports),
        SERVICE_B_URL=url(ports.service_b),
        SERVICE_C_URL=url(ports.service_c),
        QUEUE_B_URL=outputs["QueueBUrl"],
        QUEUE_C_URL=outputs["QueueCUrl"],
        PENDING_QUEUE_URL=outputs["PendingQueueUrl"],
        DEAD_LETTER_B_URL=outputs["DeadLetterBUrl"],
        DEAD_LETTER_C_URL=outputs["DeadLetterCUrl"],
        KAFKA_BOOTSTRAP_SERVERS=kafka_address(ports),
    )
    return _part("web", ("python", "-m", "web"), own | _aws(home, ports), ports.web)


def service_b(home: Home, ports: Ports, outputs: Mapping[str, str]) -> Part:
    """Service B."""
    own = _own(
        ServiceBSettings,
        ports,
        QUEUE_B_URL=outputs["QueueBUrl"],
        DEAD_LETTER_B_URL=outputs["DeadLetterBUrl"],
        POSTGRES_URL=postgres.service_b_url(home, ports),
        KAFKA_BOOTSTRAP_SERVERS=kafka_address(ports),
        WORKER_DATA_DIR=str(home.folder("faust")),
    )
    return _part("service-b", _worker("service_b", ports.service_b), own | _aws(home, ports), ports.service_b)


def service_c(home: Home, ports: Ports, outputs: Mapping[str, str]) -> Part:
    """Service C."""
    own = _own(
        ServiceCSettings,
        ports,
        QUEUE_C_URL=outputs["QueueCUrl"],
        PENDING_QUEUE_URL=outputs["PendingQueueUrl"],
        TOPIC_ARN=outputs["TopicArn"],
        DEAD_LETTER_C_URL=outputs["DeadLetterCUrl"],
        TABLE=outputs["TableName"],
        KAFKA_BOOTSTRAP_SERVERS=kafka_address(ports),
        WORKER_DATA_DIR=str(home.folder("faust")),
        WORKER_INSTANCE="service-c-1",
    )
    return _part("service-c", _worker("service_c", ports.service_c), own | _aws(home, ports), ports.service_c)


def url(port: int) -> str:
    """The base URL of a service on `port`."""
    return f"http://{HOST}:{port}"


def kafka_address(ports: Ports) -> str:
    """Kafka's host:port."""
    return f"{HOST}:{ports.kafka}"


def _part(name: str, command: tuple[str, ...], environment: dict[str, str], port: int) -> Part:
    program, *arguments = command
    return Part(
        name=name,
        command=(str(BIN / program), *arguments),
        environment=inherited() | {"PYTHONUNBUFFERED": "1"} | environment,
        probe=answers(f"{url(port)}/readyz"),
        stop_timeout_s=12,
    )


def _worker(module: str, port: int) -> tuple[str, ...]:
    return ("faust", "--quiet", "-A", f"streams.{module}", "worker", "-l", "info", "--web-port", str(port))


def _own(kind: type[Any], ports: Ports, **settings: str) -> dict[str, str]:
    """The settings of `kind`: where traces go, what the person who runs the system set, then what the system knows."""
    watched = given(kind, jaeger.variables(ports))
    return watched | given(kind) | {f"MENSAGERIA_{name}": value for name, value in settings.items()}


def _aws(home: Home, ports: Ports) -> dict[str, str]:
    emulator = aws.endpoint(home, ports.aws)
    return {
        "AWS_ENDPOINT_URL": emulator.endpoint_url,
        "AWS_ENDPOINT_URL_DYNAMODB": aws.endpoint(home, ports.dynamodb).endpoint_url,
        "AWS_REGION": aws.REGION,
        "AWS_DEFAULT_REGION": aws.REGION,
        "AWS_ACCESS_KEY_ID": emulator.aws_access_key_id,
        "AWS_SECRET_ACCESS_KEY": aws.SECRET_KEY,
    }
