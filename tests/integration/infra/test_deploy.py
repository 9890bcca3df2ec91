"""The command that deploys, on an emulator of their own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from typing import Any

import aioboto3
import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

from infra import deploy, environment, setup_task
from infra.cloudformation import DeployFailed
from infra.environment import Environment
from pipeline.core.settings.stack import StackSettings
from stack import aws
from stack.home import Home
from stack.http_client import http_client
from stack.ports import choose
from tests.support.running_system import ROOT
from tests.support.waiting import until

LETTERS = 20
ACCOUNT = "000000000000"
"""The emulator's."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def started(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, str]]:
    """The SDK's settings for an emulator that all these tests share."""
    ports, folder = choose(StackSettings(ports="free")), tmp_path_factory.mktemp("emulator")
    home = Home(folder)
    part, endpoint = aws.part(home, ports), aws.endpoint(home, ports.aws)
    (folder / "aws" / "tmp").mkdir(parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(*part.command, env=dict(part.environment), cwd=ROOT)
    try:
        await until(part.probe, within_s=30)
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports.aws}",
            "AWS_DEFAULT_REGION": aws.REGION,
            "AWS_ACCESS_KEY_ID": endpoint.aws_access_key_id,
            "AWS_SECRET_ACCESS_KEY": endpoint.aws_secret_access_key,
        }
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
async def emulator(started: dict[str, str]) -> dict[str, str]:
    """The same with nothing in it."""
    signed = f"AWS4-HMAC-SHA256 Credential={started['AWS_ACCESS_KEY_ID']}/"
    async with http_client(base_url=started["AWS_ENDPOINT_URL"]) as client:
        answer = await client.post("/_ministack/reset", headers={"authorization": signed})
    assert answer.json() == {"reset": "ok"}
    return started


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


@pytest.fixture
def sdk(emulator: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> aioboto3.Session:
    """The emulator, for this process too."""
    for name, value in emulator.items():
        monkeypatch.setenv(name, value)
    return aioboto3.Session()


def of_account(name: str, **parameters: str) -> Environment:
    """An environment on AWS, as far as the emulator carries one."""
    stacks = {"pipeline": {"WebOrigin": "https://pipeline.example.com"} | parameters}
    return Environment(name=name, account=ACCOUNT, region=aws.REGION, code_bucket="code", stacks=stacks)


class Broken(Environment):
    """One whose template has a mistake that shows as its last resource is made."""

    def body(self, stack: str) -> str:
        return super().body(stack) + "  Wrong: { Value: !GetAtt QueryApi.Wrong }\n"


async def test_deploys_updates_in_place_without_losing_a_message_and_removes(
    emulator: dict[str, str], sdk: aioboto3.Session
) -> None:
    code, out, err = await run(emulator, "local")
    assert code == 0, err
    outputs = dict(line.split("=", 1) for line in out.splitlines())
    async with sdk.client("sqs") as sqs, sdk.client("sns") as sns:
        for number in range(LETTERS):
            await sns.publish(TopicArn=outputs["TopicArn"], Message=str(number))

        local = environment.read("local")
        changed = {**local.stacks["pipeline"], "WebOrigin": "http://127.0.0.1:9999"}
        updated = await deploy.deploy(replace(local, stacks={"pipeline": changed}))
        assert updated == outputs
        for queue in ("QueueBUrl", "QueueCUrl"):
            assert await received(sqs, outputs[queue]) == {str(number) for number in range(LETTERS)}

        assert (await run(emulator, "local"))[0] == 0  # nothing to update
        code, out, err = await run(emulator, "local", "--remove")
        assert (code, out) == (0, "")
        told = [line.partition("  ")[2] for line in err.splitlines()]
        assert told[1] == "removing mensageria"
        assert "  stays: AWS::DynamoDB::Table events" in told
        kept = {line.rpartition("/")[2] for line in told if "SQS::Queue " in line}
        assert kept == {"events-b", "events-c", "events-pending", "events-b-dead-letters", "events-c-dead-letters"}
        async with sdk.client("cloudformation") as cloudformation:
            with pytest.raises(ClientError, match="does not exist"):
                await cloudformation.describe_stacks(StackName="mensageria")
        with pytest.raises(ClientError):
            await sns.get_topic_attributes(TopicArn=outputs["TopicArn"])


async def test_a_plan_changes_nothing(emulator: dict[str, str], sdk: aioboto3.Session) -> None:
    code, out, err = await run(emulator, "local", "--plan")
    assert (code, out) == (0, ""), err
    assert "mensageria: is new" in err
    assert "add      EventsTable (AWS::DynamoDB::Table)" in err
    async with sdk.client("cloudformation") as cloudformation, sdk.client("s3") as s3:
        with pytest.raises(ClientError, match="does not exist"):
            await cloudformation.describe_stacks(StackName="mensageria")
        assert (await s3.list_buckets())["Buckets"] == []
        assert (await run(emulator, "local"))[0] == 0
        _, _, err = await run(emulator, "local", "--plan")
        assert "mensageria: nothing would change" in err
        [stack] = (await cloudformation.describe_stacks(StackName="mensageria"))["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"


async def test_two_environments_share_an_account_and_nothing_else(sdk: aioboto3.Session) -> None:
    staging = await deploy.deploy(of_account("staging"))
    production = await deploy.deploy(of_account("production"))
    shared = {"TopicArn", "QueueBUrl", "QueueCUrl", "PendingQueueUrl", "TableName", "QueryUrl"}
    shared |= {"DeadLetterBUrl", "DeadLetterCUrl"}
    assert shared <= set(staging)
    assert not [name for name in shared if staging[name] == production[name]]
    await deploy.remove(of_account("staging"))
    async with sdk.client("sns") as sns, sdk.client("cloudformation") as cloudformation:
        await sns.publish(TopicArn=production["TopicArn"], Message="still there")
        stacks = await cloudformation.describe_stacks()
        assert [stack["StackName"] for stack in stacks["Stacks"]] == ["production-mensageria-pipeline"]


async def test_a_failed_creation_leaves_nothing_and_can_be_repeated(sdk: aioboto3.Session) -> None:
    wanted = of_account("staging")
    broken = Broken(**{each.name: getattr(wanted, each.name) for each in fields(wanted)})
    with pytest.raises(DeployFailed, match=r"staging-mensageria-pipeline is ROLLBACK_COMPLETE"):
        await deploy.deploy(broken)
    async with sdk.client("sqs") as sqs, sdk.client("dynamodb") as dynamodb:
        assert (await sqs.list_queues()).get("QueueUrls", []) == []
        assert (await dynamodb.list_tables())["TableNames"] == []
    told: list[str] = []
    await deploy.deploy(wanted, how=deploy.How(tell=told.append, plan_only=True))
    assert "staging-mensageria-pipeline: its creation failed; it would be deleted and created" in told
    outputs = await deploy.deploy(wanted)
    assert outputs["TableName"] == "staging-events"


class WithoutQueue(Environment):
    """One whose template has no queue of C's dead letters any more."""

    def body(self, stack: str) -> str:
        text = super().body(stack)
        start, end = text.index("  DeadLettersPolicy:\n"), text.index("  SubscriptionB:\n")
        text = text[:start] + text[end:]
        start, end = text.index("  DeadLetterC:\n"), text.index("  QueuesPolicy:\n")
        text = text[:start] + text[end:]
        return text.replace("!GetAtt DeadLetterC.Arn", "!GetAtt DeadLetterB.Arn").replace("!Ref DeadLetterC ", "gone ")


async def test_what_holds_data_is_not_removed_without_being_told(sdk: aioboto3.Session) -> None:
    wanted = of_account("staging")
    await deploy.deploy(wanted)
    without = WithoutQueue(**{each.name: getattr(wanted, each.name) for each in fields(wanted)})
    with pytest.raises(DeployFailed, match="data would be lost with DeadLetterC"):
        await deploy.deploy(without)
    async with sdk.client("sqs") as sqs, sdk.client("cloudformation") as cloudformation:
        assert len((await sqs.list_queues())["QueueUrls"]) == 5
        sets = await cloudformation.list_change_sets(StackName="staging-mensageria-pipeline")
        assert [each for each in sets["Summaries"] if each["ExecutionStatus"] == "AVAILABLE"] == []
    await deploy.deploy(without, how=deploy.How(replace=True))


async def test_another_account_is_refused(sdk: aioboto3.Session) -> None:
    for wanted in (replace(of_account("staging"), account="123456789012"), replace(of_account("s"), region="x")):
        with pytest.raises(DeployFailed, match=rf"and these credentials are of {ACCOUNT} in {aws.REGION}"):
            await deploy.deploy(wanted)
        with pytest.raises(DeployFailed, match="and these credentials are of"):
            await deploy.remove(wanted)


async def test_what_is_protected_is_removed_only_when_it_no_longer_is(sdk: aioboto3.Session) -> None:
    wanted = of_account("staging")
    await deploy.deploy(replace(wanted, protect=True))
    with pytest.raises(DeployFailed, match="is protected: deploy it with protect = false first"):
        await deploy.remove(wanted)
    await deploy.deploy(wanted)
    await deploy.remove(wanted)


async def test_nothing_is_left_of_what_a_person_declines(sdk: aioboto3.Session) -> None:
    def refuse(_: Environment, stack: str) -> None:
        raise DeployFailed(f"{stack}: left as it is")

    with pytest.raises(DeployFailed, match="left as it is"):
        await deploy.deploy(of_account("staging"), how=deploy.How(confirm=refuse))
    async with sdk.client("cloudformation") as cloudformation:
        with pytest.raises(ClientError, match="does not exist"):
            await cloudformation.describe_stacks(StackName="staging-mensageria-pipeline")


async def test_a_deployment_waits_for_the_end_of_the_setup_task(sdk: aioboto3.Session) -> None:
    """The emulator runs no container here: what it is told to stop has ended well."""
    outputs = {"PrivateSubnets": "subnet-1,subnet-2", "SetupGroup": "sg-1", "Cluster": "c", "SetupLogGroup": "/c/setup"}
    async with sdk.client("ecs") as ecs:
        await ecs.create_cluster(clusterName="c")
        container = {"name": "setup", "image": "setup", "essential": True}
        definition = await ecs.register_task_definition(family="setup", containerDefinitions=[container])
        outputs["SetupTask"] = definition["taskDefinition"]["taskDefinitionArn"]
        running = asyncio.create_task(setup_task.run(outputs))
        tasks: list[str] = []

        async def is_started() -> bool:
            tasks[:] = (await ecs.list_tasks(cluster="c"))["taskArns"]
            return bool(tasks)

        await until(is_started, within_s=10)
        assert not running.done()
        await ecs.stop_task(cluster="c", task=tasks[0], reason="a test")
        async with asyncio.timeout(15):
            await running


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
        "deploy: unknown environment 'nowhere'; expected one of example, local, or copy example.toml to nowhere.toml\n",
    )
    nobody = emulator | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    code, out, err = await run(nobody, "local")
    assert (code, out) == (1, "")
    assert "Could not connect" in err
    assert "Traceback" not in err
