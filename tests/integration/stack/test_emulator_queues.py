"""The emulator's queues by our index and by its own lists do the same, in each thing that SQS promises."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.clients import aws
from pipeline.clients.aws import Endpoint
from pipeline.core.settings import inherited
from stack.home import ROOT, STACK_BIN
from tests.support.server_start import wait_until_ready

KINDS = {"indexed": (), "its own": ("--unchanged",)}


@dataclass(frozen=True)
class Emulator:
    """One that runs alone."""

    url: str
    process: "subprocess.Popen[bytes]"

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def cpu_s(self) -> float:
        """The processor's time that it has taken."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(folder: Path, port: int, *options: str) -> Iterator[Emulator]:
    environment = inherited() | {
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "LOG_LEVEL": "WARNING",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "state"),
        "TMPDIR": str(folder),
    }
    command = [str(STACK_BIN / "python"), "-m", "stack.emulator", "--port", str(port), *options]
    with (
        (folder / "log").open("ab") as log,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
                wait_until_ready(client, "/_ministack/ready", process, folder / "log")
            yield Emulator(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()
            assert process.wait(20) == 0, (folder / "log").read_text()


@pytest.fixture(scope="module", params=KINDS)
def emulator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Any
) -> Iterator[Emulator]:
    with running(tmp_path_factory.mktemp("emulator"), unused_tcp_port_factory(), *KINDS[request.param]) as one:
        yield one


@pytest.fixture
async def sqs(emulator: Emulator) -> AsyncIterator[Any]:
    async with aws.client("sqs", emulator.endpoint) as client:
        yield client


@pytest.fixture
async def queue(sqs: Any, request: pytest.FixtureRequest) -> str:
    return await made(sqs, f"{abs(hash(request.node.name))}")


async def made(sqs: Any, name: str, **attributes: str) -> str:
    return str((await sqs.create_queue(QueueName=name, Attributes=attributes))["QueueUrl"])


async def send(sqs: Any, queue: str, *bodies: str, **options: Any) -> None:
    for body in bodies:
        await sqs.send_message(QueueUrl=queue, MessageBody=body, **options)


async def receive(sqs: Any, queue: str, most: int = 10, **options: Any) -> list[dict[str, Any]]:
    given = {"QueueUrl": queue, "MaxNumberOfMessages": most, "AttributeNames": ["All"]} | options
    return list((await sqs.receive_message(**given)).get("Messages", []))


def bodies(messages: list[dict[str, Any]]) -> list[str]:
    return [message["Body"] for message in messages]


def counted(messages: list[dict[str, Any]]) -> list[int]:
    return [int(message["Attributes"]["ApproximateReceiveCount"]) for message in messages]


async def numbers(sqs: Any, queue: str) -> tuple[int, int, int]:
    """Visible, in flight, delayed."""
    attributes = (await sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"]))["Attributes"]
    names = ("Messages", "MessagesNotVisible", "MessagesDelayed")
    visible, in_flight, delayed = (int(attributes[f"ApproximateNumberOf{name}"]) for name in names)
    return visible, in_flight, delayed


async def test_messages_come_in_their_order_and_once_while_hidden(sqs: Any, queue: str) -> None:
    await send(sqs, queue, *"abcde")
    assert bodies(await receive(sqs, queue, 2)) == ["a", "b"]
    assert bodies(await receive(sqs, queue, 10)) == ["c", "d", "e"]
    assert await receive(sqs, queue) == []
    assert await numbers(sqs, queue) == (0, 5, 0)


async def test_what_is_visible_again_comes_in_its_old_place(sqs: Any, queue: str) -> None:
    await send(sqs, queue, *"abc")
    first, second = await receive(sqs, queue, 2)
    await sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=0)
    assert bodies(again := await receive(sqs, queue)) == ["b", "c"]
    assert counted(again) == [2, 1]
    assert first["Body"] == "a"


async def test_a_visibility_of_its_own_ends(sqs: Any, queue: str) -> None:
    await send(sqs, queue, "a")
    assert bodies(await receive(sqs, queue, VisibilityTimeout=1)) == ["a"]
    begun = time.monotonic()
    assert counted(await receive(sqs, queue, WaitTimeSeconds=5)) == [2]
    assert 0.8 < time.monotonic() - begun < 2


async def test_a_visibility_of_nothing_hides_nothing(sqs: Any, queue: str) -> None:
    await send(sqs, queue, "a", "b")
    for count in (1, 2, 3):
        messages = await receive(sqs, queue, VisibilityTimeout=0)
        assert (bodies(messages), counted(messages)) == (["a", "b"], [count, count])
    assert await numbers(sqs, queue) == (2, 0, 0)


async def test_a_longer_visibility_counts(sqs: Any, queue: str) -> None:
    await send(sqs, queue, "a", "b")
    first, second = await receive(sqs, queue, VisibilityTimeout=1)
    entries = [
        {"Id": "a", "ReceiptHandle": first["ReceiptHandle"], "VisibilityTimeout": 60},
        {"Id": "b", "ReceiptHandle": "unknown", "VisibilityTimeout": 60},
    ]
    answer = await sqs.change_message_visibility_batch(QueueUrl=queue, Entries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["a"]
    assert [(each["Id"], each["Code"]) for each in answer["Failed"]] == [("b", "ReceiptHandleIsInvalid")]
    assert bodies(await receive(sqs, queue, WaitTimeSeconds=3)) == [second["Body"]]
    assert await numbers(sqs, queue) == (0, 2, 0)


async def test_the_newest_receipt_alone_deletes(sqs: Any, queue: str) -> None:
    await send(sqs, queue, "a", "b", "c")
    old = await receive(sqs, queue, VisibilityTimeout=0)
    new = await receive(sqs, queue)
    entries = [{"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]} for number, each in enumerate([*old, *new])]
    answer = await sqs.delete_message_batch(QueueUrl=queue, Entries=entries[1:5])
    assert [each["Id"] for each in answer["Successful"]] == ["3", "4"]
    assert [(each["Id"], each["SenderFault"]) for each in answer["Failed"]] == [("1", True), ("2", True)]
    with pytest.raises(ClientError, match="receipt handle"):
        await sqs.delete_message(QueueUrl=queue, ReceiptHandle=new[0]["ReceiptHandle"])
    await sqs.delete_message(QueueUrl=queue, ReceiptHandle=new[2]["ReceiptHandle"])
    assert await numbers(sqs, queue) == (0, 0, 0)


@pytest.mark.parametrize("action", ["delete_message_batch", "change_message_visibility_batch"])
async def test_a_batch_that_is_none_is_refused(sqs: Any, queue: str, action: str) -> None:
    with pytest.raises(ClientError, match="at least one"):
        await getattr(sqs, action)(QueueUrl=queue, Entries=[])


async def test_a_long_poll_ends_with_a_message_and_at_its_time(sqs: Any, queue: str) -> None:
    begun = time.monotonic()
    assert await receive(sqs, queue, WaitTimeSeconds=1) == []
    assert 0.9 < time.monotonic() - begun < 2
    polls = [asyncio.create_task(receive(sqs, queue, WaitTimeSeconds=3)) for _ in range(3)]
    begun = time.monotonic()
    await send(sqs, queue, "a", "b", "c", DelaySeconds=1)
    answered, waiting = await asyncio.wait(polls, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    assert 0.9 < time.monotonic() - begun < 3
    await send(sqs, queue, *"de" if waiting else "")
    got = [body for messages in await asyncio.gather(*polls) for body in bodies(messages)]
    assert answered
    assert sorted(got) == sorted(set(got))
    assert {"a"} <= set(got) <= set("abcde")


async def test_a_delay_hides_at_first(sqs: Any, queue: str) -> None:
    await send(sqs, queue, "late", DelaySeconds=1)
    await send(sqs, queue, "early")
    assert await numbers(sqs, queue) == (1, 0, 1)
    assert bodies(await receive(sqs, queue)) == ["early"]
    assert bodies(await receive(sqs, queue, WaitTimeSeconds=5)) == ["late"]


async def test_what_was_received_too_often_is_moved_as_it_was(sqs: Any, queue: str) -> None:
    dead = await made(sqs, "dead")
    arn = (await sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"]))["Attributes"]["QueueArn"]
    source = await made(sqs, "source", RedrivePolicy=f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":2}}')
    attributes = {"a": {"DataType": "String", "StringValue": "b"}}
    await send(sqs, source, "poison", "well", MessageAttributes=attributes)
    for _ in range(2):
        poison, well = await receive(sqs, source, VisibilityTimeout=0)
        assert bodies([poison, well]) == ["poison", "well"]
    await sqs.delete_message(QueueUrl=source, ReceiptHandle=well["ReceiptHandle"])
    assert await receive(sqs, source) == []
    (moved,) = await receive(sqs, dead, MessageAttributeNames=["All"])
    assert (moved["Body"], moved["MessageId"], counted([moved])) == ("poison", poison["MessageId"], [3])
    assert moved["MessageAttributes"] == attributes
    assert moved["Attributes"]["DeadLetterQueueSourceArn"].endswith(":source")
    assert moved["Attributes"]["SentTimestamp"] == poison["Attributes"]["SentTimestamp"]


async def test_a_rule_that_comes_later_counts_for_what_is_there(sqs: Any, queue: str) -> None:
    dead = await made(sqs, "dead-later")
    arn = (await sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"]))["Attributes"]["QueueArn"]
    await send(sqs, queue, *"abc")
    await receive(sqs, queue, 2, VisibilityTimeout=0)
    policy = f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":1}}'
    await sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy})
    assert bodies(await receive(sqs, queue)) == ["c"]
    assert bodies(await receive(sqs, dead)) == ["a", "b"]


async def test_a_purge_leaves_nothing(sqs: Any, queue: str) -> None:
    await send(sqs, queue, *"abc")
    (held,) = await receive(sqs, queue, 1)
    await sqs.purge_queue(QueueUrl=queue)
    assert await numbers(sqs, queue) == (0, 0, 0)
    await send(sqs, queue, "d")
    assert bodies(await receive(sqs, queue)) == ["d"]
    with pytest.raises(ClientError):
        await sqs.delete_message(QueueUrl=queue, ReceiptHandle=held["ReceiptHandle"])


async def test_fifo_queues_keep_their_groups_in_order(sqs: Any) -> None:
    queue = await made(sqs, "groups.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for body, group in (("a1", "a"), ("b1", "b"), ("a2", "a"), ("a1", "a")):
        await send(sqs, queue, body, MessageGroupId=group)
    first = await receive(sqs, queue, 1)
    assert bodies(first) == ["a1"]
    assert bodies(await receive(sqs, queue)) == ["b1"]
    entry = {"Id": "1", "ReceiptHandle": first[0]["ReceiptHandle"]}
    assert len((await sqs.delete_message_batch(QueueUrl=queue, Entries=[entry]))["Successful"]) == 1
    assert bodies(await receive(sqs, queue)) == ["a2"]


@pytest.mark.parametrize("before", KINDS)
async def test_queues_outlive_an_ordered_stop_with_a_long_poll_open(
    tmp_path: Path, unused_tcp_port: int, before: str
) -> None:
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    with running(stopped, unused_tcp_port, *KINDS[before]) as one:
        async with aws.client("sqs", one.endpoint) as sqs:
            queue, empty = await made(sqs, "kept"), await made(sqs, "empty")
            await send(sqs, queue, *"abc")
            (held,) = await receive(sqs, queue, 1, VisibilityTimeout=60)
            poll = asyncio.create_task(receive(sqs, empty, WaitTimeSeconds=20))
            for _ in range(3):  # by then the poll has come
                assert await numbers(sqs, empty) == (0, 0, 0)
            begun = time.monotonic()
            one.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(one.process.wait, 15) == 0
            assert time.monotonic() - begun < 10
            with pytest.raises(BotoCoreError):
                await poll
    for after, options in KINDS.items():
        folder = shutil.copytree(stopped, tmp_path / after)
        with running(folder, unused_tcp_port, *options) as one:
            async with aws.client("sqs", one.endpoint) as sqs:
                assert await numbers(sqs, queue) == (2, 1, 0), after
                assert bodies(await receive(sqs, queue)) == ["b", "c"]
                await sqs.delete_message(QueueUrl=queue, ReceiptHandle=held["ReceiptHandle"])
                assert await numbers(sqs, queue) == (0, 2, 0)


async def test_what_a_message_costs_does_not_grow_with_what_waits(tmp_path: Path, unused_tcp_port: int) -> None:
    with running(tmp_path, unused_tcp_port) as one:
        async with aws.client("sqs", one.endpoint) as sqs:
            queues = {waiting: await made(sqs, f"waiting-{waiting}") for waiting in (0, 4000)}
            for _ in range(400):
                await send_ten(sqs, queues[4000])
            spent: dict[int, list[float]] = {waiting: [] for waiting in queues}
            for _ in range(3):
                for waiting, queue in queues.items():
                    before = one.cpu_s()
                    for _ in range(150):
                        await send_ten(sqs, queue)
                        messages = await receive(sqs, queue)
                        entries = [
                            {"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(messages)
                        ]
                        await sqs.delete_message_batch(QueueUrl=queue, Entries=entries)
                    spent[waiting].append(one.cpu_s() - before)
            assert await numbers(sqs, queues[4000]) == (4000, 0, 0)
    assert min(spent[4000]) <= 1.2 * min(spent[0]), spent


async def send_ten(sqs: Any, queue: str) -> None:
    entries = [{"Id": str(number), "MessageBody": "x" * 500} for number in range(10)]
    await sqs.send_message_batch(QueueUrl=queue, Entries=entries)
