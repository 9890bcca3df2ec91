"""`/pipeline/dead-letters`: what could never be stored, by place and reason, and one of them."""

from typing import Any

import msgspec
from quart import Blueprint, Response, abort, render_template, request, stream_template
from quart.typing import ResponseReturnValue

from operations.connections import PLACES
from operations.dead_letters import DeadLetter, Place
from operations.redrive import Choice
from pipeline.core.errors import QueueUnavailable
from pipeline.events.envelope import Envelope
from web.context import current
from web.operating.dead_letter_listing import MOST_SHOWN, Listing
from web.operating.dead_letter_service import DeadLetterService

blueprint = Blueprint("dead_letters", __name__)

FILTERS = ("reason", "source", "type")
_MOST_BYTES_SHOWN = 65_536


@blueprint.get("/pipeline/dead-letters")
async def show() -> ResponseReturnValue:
    """The letters of one place.

    A reading takes a second at least, so the page is sent as it comes: first what is known without it.
    """
    place, filters = place_of(request.args.get("place", "b")), filters_of(request.args)
    at_desk = desk()

    async def read() -> Listing | QueueUnavailable:
        try:
            return await at_desk.listing(place, choice_of(filters))
        except QueueUnavailable as error:
            return error

    view = {"place": place, "places": PLACES, "filters": filters, "most": MOST_SHOWN, "redrive": at_desk.at_work(place)}
    return Response(await stream_template("dead_letters.html", read=read, **view))


@blueprint.get("/pipeline/dead-letters/<key>")
async def one(key: str) -> ResponseReturnValue:
    """One letter: its envelope, and its bytes as text."""
    place = place_of(key.partition(":")[0])
    letter = await desk().letter(place, key)
    if not letter:
        return await render_template("dead_letter_gone.html", key=key, place=place), 404
    return await render_template("dead_letter.html", **_view(letter))


def desk() -> DeadLetterService:
    """The running app's; without queues in the settings, a page that says what is missing."""
    return current().desk or abort(404)


def place_of(text: str) -> Place:
    """The place that an address or a form names; 404 where there is none."""
    found: Place | None = next((place for place in PLACES if place == text), None)
    return found or abort(404)


def filters_of(given: Any) -> dict[str, str]:
    """The filters of an address or a form."""
    return {name: text for name in FILTERS if (text := given.get(name, "").strip())}


def choice_of(filters: dict[str, str]) -> Choice:
    """The letters that fit all `filters`."""
    reasons = frozenset((filters["reason"],)) if "reason" in filters else frozenset[str]()
    return Choice(reasons=reasons, source=filters.get("source"), type=filters.get("type"))


def _around(kept: Envelope) -> dict[str, Any]:
    """The record's key and headers, or the message's attributes, as JSON has them; None where it has none."""
    key = kept.key if kept.key_base64 is None else msgspec.to_builtins(kept.key_base64)
    return {
        "record_key": key,
        "headers": msgspec.to_builtins(kept.headers) or None,
        "attributes": msgspec.to_builtins(kept.attributes) or None,
    }


def _view(letter: DeadLetter) -> dict[str, Any]:
    shown = letter.body[:_MOST_BYTES_SHOWN]
    try:
        letter.body.decode()
        is_text = True
    except UnicodeDecodeError:
        is_text = False
    return {
        "letter": letter,
        "kept": letter.envelope,
        "event": letter.event,
        **_around(letter.envelope),
        "text": shown.decode(errors="ignore" if is_text else "replace"),
        "is_text": is_text,
        "shown_bytes": len(shown),
        "size_bytes": len(letter.body),
    }
