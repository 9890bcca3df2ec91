"""`/pipeline`: the state of the pipeline, live."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from quart import Blueprint, render_template
from quart.typing import ResponseReturnValue

from pipeline.core.settings.tools import QueueSettings
from pipeline.core.variables import required
from web.context import current
from web.operating.chart import HEIGHT, WIDTH
from web.operating.state import State
from web.site import live
from web.site.closing import until_closing

blueprint = Blueprint("overview", __name__)


@blueprint.get("/pipeline")
async def show() -> str:
    """Services, flow, what waits, and the dead letters."""
    return await render_template("pipeline.html", **_view(await current().watch.state()))


@blueprint.get("/pipeline/parts")
async def parts() -> ResponseReturnValue:
    """The changing parts of the page, as server-sent events."""
    return live.stream(_parts())


async def _parts() -> AsyncGenerator[str, None]:
    async with aclosing(until_closing(current().watch.states())) as states:
        async for state in states:
            yield await render_template("pipeline_parts.html", **_view(state))


def _view(state: State) -> dict[str, Any]:
    drawn = {"width": WIDTH, "height": HEIGHT}
    return {"state": state, "drawn": drawn, "missing": () if state.ways else required(QueueSettings)}
