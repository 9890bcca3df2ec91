"""The function's archive: the same bytes each time, all that it needs, and nothing that makes its start slow."""

import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lambda_query import package

SITES = [path for path in sys.path if path.endswith("site-packages")]
SDK = "import botocore.session; botocore.session.get_session().create_client('dynamodb', region_name='eu-west-1')"
RUNS = 3


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package.build(tmp_path_factory.mktemp("archive") / "1.zip")


@pytest.fixture(scope="module")
def content(archive: Path) -> Path:
    folder = archive.parent / "content"
    with zipfile.ZipFile(archive) as bundle:
        bundle.extractall(folder)
    return folder


def test_the_archive_is_the_same_each_time_and_small(archive: Path, tmp_path: Path) -> None:
    assert archive.read_bytes() == package.build(tmp_path / "2.zip").read_bytes()
    assert archive.stat().st_size < 2_000_000


def test_the_archive_is_enough_and_loads_no_sdk(content: Path) -> None:
    unwanted = ("boto3", "botocore", "asyncio", "msgspec", "structlog", "urllib3", "aws_lambda_powertools")
    program = (
        "import lambda_query.handler, pipeline, pg8000\n"
        f"print(pipeline.__file__, pg8000.__file__, [name for name in {unwanted} if name in sys.modules])"
    )
    # The runtime's own packages last, as in Lambda; nothing of this checkout.
    told = _run(f"import sys; sys.path[:0] = [{str(content)!r}]; sys.path += {SITES!r}\n{program}")
    assert told.split() == [f"{content}/pipeline/__init__.py", f"{content}/pg8000/__init__.py", "[]"]


def test_the_import_stays_within_its_budget(content: Path) -> None:
    """In all, less CPU than the SDK's client alone would take: both measured here, as machines differ."""
    empty = _cpu_ms("pass")
    handler = _cpu_ms(f"import sys; sys.path[:0] = [{str(content)!r}]; import lambda_query.handler") - empty
    sdk = _cpu_ms(f"import sys; sys.path += {SITES!r}; {SDK}") - empty
    sys.stdout.write(f"CPU ms: the handler with all that it imports {handler:.0f}, a client of the SDK {sdk:.0f}\n")
    assert handler < 0.8 * sdk


def _cpu_ms(program: str) -> float:
    spent = []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        _run(program)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(spent) * 1000


def _run(program: str) -> str:
    command = [sys.executable, "-I", "-S", "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
