"""No page of another site reaches a server of the system: by its headers, and in a real browser."""

import base64
import io
import json
import threading
import uuid
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pipeline.clients import aws
from pipeline.clients.aws import Endpoint
from stack.http_client import http_client
from tests.e2e.browsing import chromium
from tests.support.running_system import System

SERVERS = ["gateway", "web", "query", "service_b", "service_c", "aws", "dynamodb"]
SITE = "evil.example"
FOREIGN = [
    {"origin": f"https://{SITE}"},
    {"origin": "http://127.0.0.1:9"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"host": SITE},
    {"host": f"{SITE}:8000", "origin": f"http://{SITE}:8000", "sec-fetch-site": "same-origin"},
]
pytestmark = pytest.mark.timeout(300)


def test_each_http_server_is_asked(system: System) -> None:
    queues = {"queue_b", "queue_c", "dead_letter_b", "dead_letter_c"}
    served = {name for name, value in system.endpoints.items() if str(value).startswith("http")} - queues
    assert served == set(SERVERS)


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_what_another_sites_page_sends_is_refused(system: System, name: str, headers: dict[str, str]) -> None:
    async with http_client(timeout=20) as client:
        for method in ("GET", "POST", "OPTIONS"):
            for path in ("", "/", "/events"):
                answer = await client.request(method, f"{system.endpoints[name]}{path}", headers=headers)
                assert answer.status_code in (403, 421), (method, path, answer.text)
                assert "access-control-allow-origin" not in answer.headers


async def test_the_pages_of_web_reach_the_query_and_no_more(system: System) -> None:
    own = {"origin": system.endpoints["web"], "sec-fetch-site": "same-site"}
    async with http_client(timeout=20) as client:
        answer = await client.get(f"{system.endpoints['query']}/events", headers=own)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, own["origin"])
        assert (await client.post(f"{system.endpoints['query']}/events", headers=own)).status_code == 403
        for name in ("aws", "gateway", "service_b", "service_c"):
            assert (await client.get(system.endpoints[name], headers=own)).status_code == 403


async def test_the_emulator_answers_to_the_systems_own_key_alone(system: System) -> None:
    own = system.endpoints["access_key"]
    configuration = f"{system.endpoints['aws']}/2015-03-31/functions/mensageria-query/configuration"
    async with http_client(timeout=20) as client:
        for headers, expected in (({}, 403), (_signed("test"), 403), (_signed(own), 200)):
            answer = await client.get(configuration, headers=headers)
            assert (answer.status_code, "MENSAGERIA_CURSOR_KEY" in answer.text) == (expected, expected == 200)


async def test_a_link_may_lead_to_a_page(system: System) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    async with http_client(timeout=20) as client:
        assert (await client.get(system.endpoints["web"], headers=link)).status_code == 200
        assert (await client.get(f"{system.endpoints['gateway']}/docs", headers=link)).status_code == 200
        assert (await client.get(f"{system.endpoints['service_b']}/readyz", headers=link)).status_code == 200


@pytest.fixture
async def published(system: System) -> AsyncIterator[Callable[[], Awaitable[list[str]]]]:
    """The bodies of what SNS has published since the test began."""
    name = f"test-{uuid.uuid4()}"
    async with aws.client("sqs", _endpoint(system)) as sqs, aws.client("sns", _endpoint(system)) as sns:
        queue = (await sqs.create_queue(QueueName=name))["QueueUrl"]
        arn = (await sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"]))["Attributes"]["QueueArn"]
        subscription = await sns.subscribe(
            TopicArn=system.endpoints["topic_arn"],
            Protocol="sqs",
            Endpoint=arn,
            Attributes={"RawMessageDelivery": "true"},
        )

        async def bodies() -> list[str]:
            answer = await sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
            return [message["Body"] for message in answer.get("Messages", [])]

        yield bodies
        await sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
        await sqs.delete_queue(QueueUrl=queue)


def _endpoint(system: System) -> Endpoint:
    told = system.endpoints
    return Endpoint(
        endpoint_url=told["aws"],
        region_name=told["region"],
        aws_access_key_id=told["access_key"],
        aws_secret_access_key=told["secret_key"],
    )


ATTACK = """async ({ aws, topic, code }) => {
    const attempts = {
        queues: () => fetch(`${aws}/?Action=ListQueues`),
        secrets: () => fetch(`${aws}/2015-03-31/functions/mensageria-query/configuration`),
        publish: () => fetch(aws, { method: 'POST', body: new URLSearchParams(
            { Action: 'Publish', TopicArn: topic, Message: 'from a page' }) }),
        function: () => fetch(`${aws}/2015-03-31/functions`, { method: 'POST', body: code }),
        invoke: () => fetch(`${aws}/2015-03-31/functions/stranger/invocations`, { method: 'POST', body: '{}' }),
        unread: () => fetch(`${aws}/2015-03-31/functions`, { method: 'POST', mode: 'no-cors', body: code })
            .then((answer) => { if (answer.type !== 'opaque') { throw new Error(answer.type) } return null }),
    }
    const read = {}
    for (const [name, attempt] of Object.entries(attempts)) {
        try { const answer = await attempt(); read[name] = answer && `${answer.status} ${await answer.text()}` }
        catch (error) { read[name] = null }
    }
    return read
}"""


async def test_a_page_in_a_browser_reads_nothing_and_runs_nothing(
    system: System, tmp_path: Path, published: Callable[[], Awaitable[list[str]]]
) -> None:
    endpoints, proof = system.endpoints, tmp_path / "proof"
    code = {
        "FunctionName": "stranger",
        "Runtime": "python3.11",
        "Role": "arn:aws:iam::000000000000:role/x",
        "Handler": "h.handle",
        "Code": {"ZipFile": _archive("h.py", f"def handle(event, _): open({str(proof)!r}, 'w').write('ran')\n")},
    }
    given = {"aws": endpoints["aws"], "topic": endpoints["topic_arn"], "code": json.dumps(code)}
    rebound = f"http://{SITE}:{urlsplit(endpoints['aws']).port}"
    async with chromium(f"--host-resolver-rules=MAP {SITE} 127.0.0.1") as browser:
        page = await browser.new_page()
        with _site() as port:
            await page.goto(f"http://{SITE}:{port}/")
            assert {name: text for name, text in (await page.evaluate(ATTACK, given)).items() if text} == {}
        # The same page once its name leads to the emulator: now of one origin with it.
        answer = await page.goto(f"{rebound}/?Action=ListQueues")
        assert answer is not None
        assert answer.status == 421
        read = await page.evaluate(ATTACK, given | {"aws": rebound})
        assert {text.partition(" ")[0] for text in read.values() if text} == {"421"}
    assert not proof.exists()
    async with http_client() as client:
        there = (
            await client.get(f"{endpoints['aws']}/2015-03-31/functions", headers=_signed(endpoints["access_key"]))
        ).json()
    assert [each["FunctionName"] for each in there["Functions"]] == ["mensageria-query"]
    assert "from a page" not in await published()


def _signed(key: str) -> dict[str, str]:
    """Signed as far as the emulator's guard looks."""
    return {"authorization": f"AWS4-HMAC-SHA256 Credential={key}/20261130/us-east-1/lambda/aws4_request"}


def _archive(name: str, text: str) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, text)
    return base64.b64encode(packed.getvalue()).decode()


@contextmanager
def _site() -> Iterator[int]:
    """A site with one empty page; the port that it is on."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>a site</title>")

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
