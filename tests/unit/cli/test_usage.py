"""The command's own process where no system is needed: how it ends, and what it says."""

import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.mensageria import COMMAND, Tool, environment

SYSTEM = ("QUEUE_B_URL", "QUEUE_C_URL", "DEAD_LETTER_B_URL", "DEAD_LETTER_C_URL", "QUERY_URL")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("retention", "--days", "800000"), "before the year 1"),
        (("retention", "--days", "9999999999"), "--days"),
        (("list", "--from", "999999d"), "before the year 1"),
        (("differences", "--from", "0001-01-01T00:00:00+05:00"), "years 1 to 9999"),
        (("differences", "--from", "2h", "--to", "3h"), "--from is after --to"),
        (("replay", "--into", "c", "--from", "2h", "--to", "3h"), "--from is after --to"),
        (("differences", "--from", "1s"), "less than 30 s ago"),
        (("publish", "--type", "x", "--lines"), "FILE alone"),
        (("publish", "-", "--source", "s", "--id", "a"), "leave out --source, --id"),
        (("publish", "-", "--lines", "--data", "null"), "leave out --data"),
        (("list", "--store", "foo"), "postgres"),
        (("list", "--order", "up"), "desc"),
        (("erase", "", "--reference", "1"), "it is empty"),
    ],
)
async def test_wrong_usage_ends_with_2(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    ended = await Tool(tmp_path)(*arguments)
    assert (ended.code, "Traceback" in ended.err) == (2, False), ended.err
    assert said in ended.err


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (("retention", "--days", "30"), {}, "AWS_REGION"),
        (("erase", "ana", "--reference", "1"), {}, "AWS_REGION"),
        (("replay", "--into", "b"), {"AWS_PROFILE": "nobody's"}, "nobody's"),
        (("retention", "--days", "30"), {"AWS_REGION": "x", "AWS_ENDPOINT_URL": "no URL"}, "no URL"),
    ],
)
async def test_an_aws_setting_that_is_missing_or_wrong_is_named(
    tmp_path: Path, arguments: tuple[str, ...], settings: dict[str, str], said: str
) -> None:
    system = {f"MENSAGERIA_{name}": "x" for name in ("POSTGRES_URL", "QUEUE_B_URL", "QUEUE_C_URL")}
    files = {f"AWS_{name}_FILE": str(tmp_path / "none") for name in ("CONFIG", "SHARED_CREDENTIALS")}
    ended = await Tool(tmp_path, settings=system | files | settings)(*arguments)
    assert (ended.code, "Traceback" in ended.err) == (2, False), ended.err
    assert said in ended.err


@pytest.mark.parametrize(
    "command", [("list",), ("show", "kafka:0:0"), ("send-again", "--all", "--yes"), ("discard", "--all", "--yes")]
)
async def test_kafka_that_is_out_is_one_line(tmp_path: Path, command: tuple[str, ...], unused_tcp_port: int) -> None:
    kafka = f"127.0.0.1:{unused_tcp_port}"
    system = {f"MENSAGERIA_{name}": "http://127.0.0.1:1" for name in SYSTEM} | {"AWS_REGION": "x"}
    dead_letters = Tool(tmp_path, ("dead-letters",), settings=system | {"MENSAGERIA_KAFKA_BOOTSTRAP_SERVERS": kafka})
    ended = await dead_letters(*command, *(() if command[0] == "show" else ("--in", "kafka")))
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == f"mensageria: kafka at {kafka}: cannot connect\n"


async def test_status_without_the_queues_says_so_in_one_line(tmp_path: Path) -> None:
    edges = {f"MENSAGERIA_{name}": "http://127.0.0.1:1" for name in ("GATEWAY_URL", "QUERY_URL")}
    ended = await Tool(tmp_path, settings=edges)("status")
    assert (ended.code, len(ended.err.splitlines())) == (2, 1), ended.err
    assert "MENSAGERIA_QUEUE_B_URL is not set" in ended.err


def test_an_interrupt_while_it_is_imported_ends_quietly(tmp_path: Path) -> None:
    told = environment(tmp_path, PYTHONVERBOSE="1")
    with subprocess.Popen([COMMAND, "status"], env=told, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        # Python tells each import: the first of ours is behind the handler.
        assert any(re.search("import 'cli.app'|cli/app.py", line) for line in process.stderr)
        process.send_signal(signal.SIGINT)
        left = process.stderr.read()
    assert (process.returncode, "Traceback" in left) == (130, False)
