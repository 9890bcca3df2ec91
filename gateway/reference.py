"""API reference: `/openapi.json` and `/docs`."""

from pathlib import Path
from typing import Any

import yaml
from quart import Blueprint, Response, render_template

from gateway.answers import Answer
from gateway.pages import response

_DOCUMENT = Path(__file__).with_name("openapi.yaml")
_STYLE = Path(__file__).parent / "static" / "docs.css"
_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def reference() -> Blueprint:
    """The document, written by hand, and the page that it makes: no script, and nothing from elsewhere."""
    blueprint = Blueprint("reference", __name__, template_folder="templates")
    api = yaml.load(_DOCUMENT.read_text(), Loader=yaml.CSafeLoader)  # an eighth of safe_load's time
    style = _STYLE.read_bytes()

    def resolved(item: dict[str, Any]) -> Any:
        """An answer, where `item` refers to it by name, or `item`."""
        name = item.get("$ref", "").rpartition("/")[2]
        return api["components"]["responses"][name] if name else item

    @blueprint.get("/openapi.json")
    async def document() -> Response:
        return response(Answer(200, api, media_type="application/json"))

    @blueprint.get("/docs")
    async def page() -> Response:
        html = await render_template("docs.html", api=api, resolved=resolved)
        return Response(html, content_type="text/html; charset=utf-8", headers={"content-security-policy": _POLICY})

    @blueprint.get("/docs/style.css")
    async def stylesheet() -> Response:
        return Response(style, content_type="text/css; charset=utf-8")

    return blueprint
