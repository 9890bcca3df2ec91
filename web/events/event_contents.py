"""An event's content, as its page shows it."""

from dataclasses import dataclass

import msgspec

_MOST_CHARACTERS = 40_000
"""Of what is shown: a page stays light whatever an event holds. All of it is one click away."""
_DATA = ("data", "data_base64")


@dataclass(frozen=True)
class Contents:
    """An event's attributes by name, and its data as text; `kind` is `json`, `text`, `base64` or `none`."""

    attributes: dict[str, object]
    kind: str
    data: str
    is_cut: bool

    @classmethod
    def of(cls, event: bytes) -> "Contents":
        """The contents of an event in JSON; each number of its data keeps all its digits."""
        parts = msgspec.json.decode(event, type=dict[str, msgspec.Raw])
        attributes = {name: msgspec.json.decode(value) for name, value in parts.items() if name not in _DATA}
        kind, data = _data(parts)
        return cls(attributes, kind, data[:_MOST_CHARACTERS], len(data) > _MOST_CHARACTERS)


def _data(parts: dict[str, msgspec.Raw]) -> tuple[str, str]:
    if "data" not in parts:
        base64 = parts.get("data_base64")
        return ("base64", msgspec.json.decode(base64, type=str)) if base64 else ("none", "")
    raw = bytes(parts["data"])
    if raw.startswith(b'"'):
        return "text", msgspec.json.decode(raw, type=str)
    return "json", msgspec.json.format(raw, indent=2).decode()
