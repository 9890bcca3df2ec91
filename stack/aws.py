"""The AWS emulator: SNS, SQS, Lambda and API Gateway, laid out by the template.

It saves what it holds in an ordered stop only. What it saved is dropped once it has
read it, so that a crash never brings back a queue as it was long ago.
"""

from infra import archive, layout
from pipeline.clients.aws import Endpoint
from pipeline.core.settings import inherited
from stack import postgres
from stack.errors import StackError
from stack.guard import QUERY_PATH, READY_PATH
from stack.home import STACK_BIN, Home
from stack.part import Part
from stack.ports import HOST, Ports
from stack.probes import answers

REGION = "us-east-1"
SECRET_KEY = "test"  # noqa: S105 - the emulator checks no signature: the guard asks for the access key
_ACCESS_KEY = "aws-access-key"
COMMAND = (str(STACK_BIN / "python"), "-m", "stack.emulator")
NOTICE = (
    "the emulator was laid out anew: what its queues held is gone from it,"
    " and `mensageria differences --repair` brings it back"
)


def endpoint(home: Home, port: int) -> Endpoint:
    """The emulator, or the table's server, on `port`."""
    return Endpoint(
        endpoint_url=f"http://{HOST}:{port}",
        region_name=REGION,
        aws_access_key_id=home.secret(_ACCESS_KEY),
        aws_secret_access_key=SECRET_KEY,
    )


def query_url(ports: Ports) -> str:
    """The base URL of the query API: works without a special Host header."""
    return f"http://{HOST}:{ports.aws}{QUERY_PATH}$default"


def has_crashed(home: Home) -> bool:
    """Whether the emulator ran on this home before and did not save what it held."""
    return any((home.path / "aws" / "s3").glob("*")) and not any(home.folder("aws", "state").glob("*"))


def part(home: Home, ports: Ports) -> Part:
    """The emulator with the stack deployed on it."""
    if not archive.FILE.exists():
        raise StackError(f"{archive.FILE} is missing: `make run` packages the query")

    async def lay_out() -> None:
        await outputs(home, ports)
        home.empty_folder("aws", "state")

    return Part(
        name="aws",
        command=(*COMMAND, *_options(home, ports)),
        environment=_environment(home, ports),
        scratch=home.path / "aws" / "tmp",
        probe=answers(f"http://{HOST}:{ports.aws}{READY_PATH}"),
        lay_out=lay_out,
        notice=NOTICE,
        stop_timeout_s=14,
    )


async def outputs(home: Home, ports: Ports) -> dict[str, str]:
    """Deploy the template, or find it deployed, and return its outputs by name."""
    parameters = {
        "QueryPostgresUrl": postgres.query_url(home, ports),
        "CursorKey": home.secret("cursor-key"),
        "DynamoDBEndpoint": endpoint(home, ports.dynamodb).endpoint_url,
        "WebOrigin": _web_origin(ports),
    }
    return await layout.stack(parameters, endpoint(home, ports.aws))


def _web_origin(ports: Ports) -> str:
    return f"http://{HOST}:{ports.web}"


def _options(home: Home, ports: Ports) -> tuple[str, ...]:
    listening = ("--host", HOST, "--port", str(ports.aws), "--web-origin", _web_origin(ports))
    return (*listening, "--access-key-file", str(home.secret_file(_ACCESS_KEY)))


def _environment(home: Home, ports: Ports) -> dict[str, str]:
    return inherited() | {
        "MINISTACK_HOST": HOST,
        "GATEWAY_PORT": str(ports.aws),
        "MINISTACK_REGION": REGION,
        "LOG_LEVEL": "WARNING",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(home.folder("aws", "state")),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(home.folder("aws", "s3")),
        "TMPDIR": str(home.path / "aws" / "tmp"),
        "AWS_ACCESS_KEY_ID": home.secret(_ACCESS_KEY),
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }
