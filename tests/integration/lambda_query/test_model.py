"""Lists against a model: whatever is asked for, the pages have each event that the stores hold, once, in order."""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lambda_query.app import App, create_app
from lambda_query.index_scan import HEAD_START_S
from lambda_query.question import FIELDS
from pipeline.core.clock import rfc3339
from tests.support.querying import IDS, PAST, RANGE, Model, Seed, Writers, pages, random_model, settings
from tests.support.running_system import System

pytestmark = pytest.mark.timeout(600)  # with --long: 200 lists of several pages, twice

moments = st.builds(
    lambda days, seconds, microseconds: rfc3339(PAST + timedelta(days, seconds, microseconds)),
    st.sampled_from([-1, 0, 1, 2, 30, 50, 51]),
    st.sampled_from([0, 7, 14, 43]),
    st.sampled_from([0, 1, 2]),
)
questions = st.fixed_dictionaries(
    {},
    optional={
        "store": st.sampled_from(["both", "postgres", "dynamodb"]),
        "order": st.sampled_from(["asc", "desc"]),
        "limit": st.sampled_from([1, 2, 7, 50, 200]),
        "type": st.sampled_from(["one", "two", "three"]),
        "subject": st.sampled_from(["s1", "ção", "none"]),
        "id": st.sampled_from([*IDS, "none"]),
        "ending": st.sampled_from(["", "/é", "/🙂", "/none"]),
        "span": st.tuples(moments, moments).map(sorted),
        "fields": st.sets(st.sampled_from(FIELDS)).map(lambda names: ",".join(sorted({"source", "id", *names}))),
    },
)


@dataclass(frozen=True)
class Held:
    """An app on stores that hold a model's events, of sources of its own."""

    app: App
    model: Model
    source: str


@pytest.fixture(scope="module")
def held(system: System) -> Iterator[Held]:
    source = f"urn:test:{uuid.uuid4()}"
    model = random_model(source, 60)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", system.endpoints["dynamodb"])
        environment.setenv("AWS_DEFAULT_REGION", system.endpoints["region"])
        environment.setenv("AWS_ACCESS_KEY_ID", system.endpoints["access_key"])
        environment.setenv("AWS_SECRET_ACCESS_KEY", system.endpoints["secret_key"])
        asyncio.run(_store(system.endpoints, model))
    app = create_app(settings(system.endpoints, store_timeout_s=10.0))
    yield Held(app, model, source)
    app.close()


async def _store(endpoints: dict[str, Any], model: Model) -> None:
    writers = Writers(endpoints)
    await writers.store(model.postgres, model.dynamodb)
    await writers.close()


@pytest.mark.parametrize("head_start_s", [HEAD_START_S, 0], ids=["bounded", "unbounded"])
def test_pages_are_the_models_events(
    held: Held, scale: float, head_start_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambda_query.index_scan.HEAD_START_S", head_start_s)

    @hypothesis_settings(
        max_examples=int(200 * scale),
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(questions)
    def list_is_the_models(asked: dict[str, Any]) -> None:
        since, until = asked.pop("span", (RANGE["from"], RANGE["to"]))
        ending = asked.pop("ending", None)
        if ending is None and asked.get("limit", 50) < 7:
            asked["limit"] = 7  # what other tests left is listed too: not in thousands of pages
        exact = {} if ending is None else {"source": held.source + ending}
        events = asyncio.run(pages(held.app, **asked, **exact, **{"from": since, "to": until}))
        mine = [(event["source"], event["id"]) for event in events if event["source"].startswith(held.source)]
        wanted = [each for each in held.model.listed(asked.get("store", "both")).values() if _is_asked_for(each, asked)]
        expected = sorted(
            each.place
            for each in wanted
            if since <= each.received_at < until and (not exact or each.delivery.event.source == exact["source"])
        )
        if asked.get("order") != "asc":
            expected.reverse()
        assert mine == [place[1:] for place in expected]

    list_is_the_models()


def _is_asked_for(each: Seed, asked: dict[str, Any]) -> bool:
    content = each.delivery.event.content
    return all(content.get(name) == asked[name] for name in ("type", "subject", "id") if name in asked)
