"""A posted form, read strictly: what cannot be read as it was written is refused, not mended."""

from collections import Counter
from typing import cast
from urllib.parse import parse_qsl

from quart import abort, request

from pipeline.core.errors import MensageriaError

MEDIA_TYPE = "application/x-www-form-urlencoded"
_MAX_FIELDS = 200


class UnreadableForm(MensageriaError):
    """The form has text that is not UTF-8, a field twice, or a value that its field cannot have."""


async def posted() -> dict[str, str]:
    """The fields of the request's form by their names; 415 where it is none. Raises UnreadableForm."""
    if request.mimetype != MEDIA_TYPE:
        abort(415)
    return parse(cast(bytes, await request.get_data()))


def parse(body: bytes) -> dict[str, str]:
    """The fields of a form by their names. Raises UnreadableForm.

    Quart's own reading puts U+FFFD where the text is not UTF-8: the event would be another.
    """
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise UnreadableForm(str(error)) from None
    if twice := [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]:
        raise UnreadableForm(f"there twice: {', '.join(twice)}")
    return dict(pairs)
