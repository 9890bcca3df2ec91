"""What is logged of events: their ids and traces, never a body or a key; conftest.py looks at all logs in the end."""

import json
from contextlib import suppress
from typing import Any

import pytest

from pipeline.clients.aws import client
from pipeline.clients.kafka import producer
from pipeline.core.keys import new
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.events.event import STRUCTURED
from stack.http_client import http_client
from tests.support.logged import BODY
from tests.support.mensageria import Tool
from tests.support.waiting import until

PARENT = "00-" + "4" * 32 + "-b7ad6b7169203331-00"


@pytest.fixture
def event(source: str) -> dict[str, Any]:
    return {"specversion": "1.0", "id": f"logged-{source}", "source": source, "type": "t", "data": BODY}


def lines(system: Any, part: str, *, about: str) -> list[dict[str, Any]]:
    """The lines of a part's log that name an event by its id."""
    logged = (system.home / "logs" / f"{part}.log").read_text().splitlines()
    return [content for line in logged if about in line and (content := json.loads(line))]


async def test_where_an_event_was_stored_is_logged_by_its_id(system: Any, event: dict[str, Any]) -> None:
    headers = {"content-type": STRUCTURED, "traceparent": PARENT}

    def ways(id_: str) -> bool:
        logged = [line for part in ("service-b", "service-c") for line in lines(system, part, about=id_)]
        found = [line for line in logged if id_ in line.get("ids", ())]
        return len(found) == 3 and all(line["trace_ids"][line["ids"].index(id_)] == "4" * 32 for line in found)

    # A service's log has two lines a second at most: after another test's load it leaves some out, for a while.
    ids: list[str] = []
    async with http_client(base_url=system.endpoints["gateway"]) as http:

        async def one_is_logged() -> bool:
            return any(map(ways, ids))

        async def published_and_logged() -> bool:
            ids.append(f"{event['id']}-{len(ids)}")
            content = json.dumps(event | {"id": ids[-1]})
            assert (await http.post("/events", content=content, headers=headers)).status_code == 202
            with suppress(TimeoutError):
                return await until(one_is_logged, within_s=3)
            return False

        await until(published_and_logged, within_s=60)


async def test_refusals_conflicts_and_what_is_no_event_leave_no_body_in_a_log(
    system: Any, aws: dict[str, str], event: dict[str, Any]
) -> None:
    key, _ = new("shop")
    bodies = ['{"data": "%s"' % BODY, json.dumps(event | {"time": BODY}), '{"%s": 1, "%s": 2}' % (BODY, BODY)]  # noqa: UP031
    async with http_client(base_url=system.endpoints["gateway"]) as http:
        headers = {"content-type": STRUCTURED, "authorization": f"Bearer {key}"}
        for body in bodies:
            assert (await http.post("/events", content=body, headers=headers)).status_code in (400, 422)
        for data in (BODY, [BODY]):
            content = json.dumps(event | {"data": data})
            assert (await http.post("/events", content=content, headers=headers)).status_code == 202
    past_the_gateway = json.dumps(event | {"data": BODY, "x": "\ud800"})
    async with client("sqs") as sqs:
        for queue in ("queue_b", "queue_c"):
            await sqs.send_message(QueueUrl=aws[queue], MessageBody=past_the_gateway)
    made = producer(KafkaSettings(bootstrap_servers=aws["kafka"]), timeout_s=5)
    async with made:
        await made.send_and_wait(aws["kafka_topic"], bodies[1].encode())

    async def are_dead() -> bool:
        tool = Tool(system.home, ("dead-letters",))
        found = (await tool("list", "--json")).lines
        return {"conflict"} <= {letter["reason"] for letter in found if letter["id"] == event["id"]}

    await until(are_dead, within_s=30)
