"""The command that deploys, on an emulator of the test's own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aioboto3
import pytest
from botocore.exceptions import ClientError

from infra import deploy
from pipeline.settings import StackSettings
from stack import aws
from stack.home import Home
from stack.ports import choose
from tests.running_system import ROOT
from tests.waiting import until

LETTERS = 20


@pytest.fixture
async def emulator(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """An empty emulator: the SDK's settings for it."""
    ports = choose(StackSettings(ports="free"))
    part = aws.part(Home(tmp_path), ports)
    (tmp_path / "aws" / "tmp").mkdir(parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(*part.command, env=dict(part.environment), cwd=ROOT)
    try:
        await until(part.probe, within_s=30)
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports.aws}",
            "AWS_DEFAULT_REGION": aws.REGION,
            "AWS_ACCESS_KEY_ID": aws.ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": aws.SECRET_KEY,
        }
    finally:
        process.terminate()
        await process.wait()


async def run(emulator: dict[str, str], *arguments: str) -> tuple[int | None, str, str]:
    """What the command answers: its exit code, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "infra.deploy", *arguments),
        cwd=ROOT,
        env=os.environ | emulator,  # noqa: TID251
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_deploys_updates_in_place_without_losing_a_message_and_removes(
    emulator: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in emulator.items():
        monkeypatch.setenv(name, value)
    code, out, err = await run(emulator, "local")
    assert code == 0, err
    outputs = dict(line.split("=", 1) for line in out.splitlines())
    session = aioboto3.Session()
    async with session.client("sqs") as sqs, session.client("sns") as sns:
        for number in range(LETTERS):
            await sns.publish(TopicArn=outputs["TopicArn"], Message=str(number))

        local = deploy.environment("local")
        changed = {**local.stacks["pipeline"], "WebOrigin": "http://127.0.0.1:9999"}
        updated = await deploy.deploy(deploy.Environment(code_bucket=local.code_bucket, stacks={"pipeline": changed}))
        assert updated == outputs
        for queue in ("QueueBUrl", "QueueCUrl"):
            assert await received(sqs, outputs[queue]) == {str(number) for number in range(LETTERS)}

        assert (await run(emulator, "local"))[0] == 0  # nothing to update
        code, out, err = await run(emulator, "local", "--remove")
        assert (code, out) == (0, "")
        assert [line.partition("  ")[2] for line in err.splitlines()] == ["removing mensageria", "done"]
        async with session.client("cloudformation") as cloudformation:
            with pytest.raises(ClientError, match="does not exist"):
                await cloudformation.describe_stacks(StackName="mensageria")
        with pytest.raises(ClientError):
            await sns.get_topic_attributes(TopicArn=outputs["TopicArn"])


async def received(sqs: Any, url: str) -> set[str]:
    bodies: set[str] = set()

    async def all_there() -> bool:
        answer = await sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        bodies.update(message["Body"] for message in answer.get("Messages", []))
        return len(bodies) == LETTERS

    await until(all_there, within_s=15)
    return bodies


async def test_what_is_missing_is_named(emulator: dict[str, str]) -> None:
    assert await run(emulator, "nowhere") == (
        1,
        "",
        "deploy: no environment 'nowhere': there are example, local; copy example.toml to nowhere.toml for another\n",
    )
    nobody = emulator | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    code, out, err = await run(nobody, "local")
    assert (code, out) == (1, "")
    assert "Could not connect" in err
    assert "Traceback" not in err
