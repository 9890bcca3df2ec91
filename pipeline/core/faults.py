"""Every fault that an event or a request can have: a stable code, and its text in English.

Programs act on the code and its parameters; people read the text, which the pages translate by code.
Only the standard library is imported here: the Lambda's archive holds this module.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

MAX_FAULT_CHARACTERS = 256
"""Of a fault's pointer, of its text, and of each of its parameters, which may quote what was sent."""
_GROUPED_FROM = 10_000

Value = str | int


def cut(text: str, most: int) -> str:
    """`text`, or as much of it as `most` characters hold, an ellipsis included."""
    return text if len(text) <= most else text[: most - 1] + "…"


_NOUNS = ("unknown parameter", "duplicate parameter", "unknown member", "duplicate header")
_VERBS = frozenset(("begins", "belongs", "breaks", "can't", "contains", "is", "lacks", "may", "must"))


def sentence(name: str, detail: str) -> str:
    """A defect's text with the name of what it is wrong with, which stands beside it in `errors`.

    "limit must be an integer from 1 to 200", "unknown parameter `foo`; expected one of limit", "/a: nested deeper
    than 64 levels".
    """
    for noun in _NOUNS:
        if detail.startswith(noun):
            return f"{noun} `{name}`{detail.removeprefix(noun)}"
    if not name:
        return detail
    return f"{name} {detail}" if detail.split(" ", 1)[0] in _VERBS else f"{name}: {detail}"


@dataclass(frozen=True)
class Defect:
    """What is wrong, whatever it is wrong with."""

    code: str
    detail: str
    parameters: Mapping[str, Value]


@dataclass(frozen=True)
class Kind:
    """A kind of defect: call it with the parameters that its `text` names."""

    code: str
    text: str

    def __call__(self, **parameters: Value) -> Defect:
        """The defect; its text and each parameter are cut at MAX_FAULT_CHARACTERS."""
        kept = {name: _kept(value) for name, value in parameters.items()}
        shown = {name: _shown(value) for name, value in kept.items()}
        return Defect(self.code, cut(self.text % shown, MAX_FAULT_CHARACTERS), kept)


def _kept(value: Value) -> Value:
    return cut(value, MAX_FAULT_CHARACTERS) if isinstance(value, str) else value


def _shown(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:,}" if value >= _GROUPED_FROM else str(value)


# What is not JSON
BYTE_ORDER_MARK = Kind("byte-order-mark", "not JSON: it starts with a byte order mark; send it without")
NOT_UTF8_JSON = Kind("not-utf8-json", "not JSON in UTF-8: the byte at position %(position)s is not UTF-8")
NOT_JSON = Kind("not-json", "not JSON: %(reason)s: line %(line)s column %(column)s (char %(position)s)")
NOT_JSON_CONSTANT = Kind(
    "not-json-constant", "not JSON: it has NaN, Infinity or an escape that is no character (a lone surrogate)"
)
REPEATED_NAME = Kind("repeated-name", "duplicate key '%(name)s'")

# The request
REPEATED_HEADER = Kind("repeated-header", "duplicate header %(name)s with different values: send one")
BODY_TOO_LARGE = Kind(
    "body-too-large",
    "the body is %(size)s bytes, and an event may have at most %(most)s: "
    "store large data elsewhere and send a reference",
)
REQUEST_TOO_LARGE = Kind(
    "request-too-large", "the body exceeds %(most)s bytes: split the batch; an event may have at most %(most_event)s"
)
BATCH_TOO_LARGE = Kind("batch-too-large", "the batch has %(count)s events: send at most %(most)s")
EVENT_TOO_LARGE = Kind(
    "event-too-large",
    "the event is %(size)s bytes with its metadata (%(metadata)s bytes), and the limit is %(most)s: "
    "store large data elsewhere and send a reference",
)
BINARY_EVENT_TOO_LARGE = Kind(
    "binary-event-too-large",
    "the event is %(size)s bytes with its metadata (%(metadata)s bytes), and the limit is %(most)s; binary data "
    "counts in base64, 4 bytes for 3: store large data elsewhere and send a reference",
)

UNREADABLE_TYPE = Kind("unreadable-type", "its content-type cannot be read: %(reason)s")

# The form of the event
NOT_AN_OBJECT = Kind("not-an-object", "an event is a JSON object")
NOT_SIMPLE = Kind("not-simple", 'the simple form is a JSON object: {"type": …, "data": …}')
NOT_A_BATCH = Kind("not-a-batch", "a batch is a JSON array of events")
TOO_DEEP = Kind("too-deep", "nested deeper than %(levels)s levels")
NUMBER_OUT_OF_RANGE = Kind("number-out-of-range", "the number %(number)s is out of range: send it as a string")
NUMBER_TOO_LONG = Kind("number-too-long", "a number has more than %(most)s digits: send it as a string")
UNKNOWN_MEMBER = Kind(
    "unknown-member", "unknown member of the simple form; to send extensions, use application/cloudevents+json"
)
CONFLICT = Kind("conflict", "event %(index)s has the same source and id, and another content")

# Attributes
REQUIRED = Kind("required", "is required")
EMPTY = Kind("empty", "must not be empty")
NOT_A_STRING = Kind("not-a-string", "must be a string")
WRONG_VERSION = Kind("wrong-version", 'must be "1.0"')
WRONG_NAME = Kind("wrong-name", "an attribute name may contain only lowercase letters (a-z) and digits")
INTEGER_TOO_LARGE = Kind("integer-too-large", "an integer attribute is limited to 32 bits: send it as a string")
NOT_AN_INTEGER = Kind("not-an-integer", "an integer attribute can't have a decimal point or an exponent")
NO_ATTRIBUTE_TYPE = Kind(
    "no-attribute-type", "an attribute must be a string, an integer or a boolean: put other values into data"
)
WRONG_CHARACTER = Kind("wrong-character", "contains the character %(character)s, which an attribute can't have")
TOO_LONG = Kind("too-long", "is longer than %(most)s bytes of UTF-8")
NOT_A_URI_REFERENCE = Kind(
    "not-a-uri-reference", "must be a URI-reference (RFC 3986, section 4.1): write other characters as %%XX"
)
NOT_A_URI_REFERENCE_DECODED = Kind(
    "not-a-uri-reference-decoded",
    "must be a URI-reference (RFC 3986, section 4.1): write other characters as %%XX; "
    "headers are percent-decoded, so write a %% as %%25",
)
NOT_A_URI = Kind("not-a-uri", "must be an absolute URI (RFC 3986, section 4.3)")
NOT_A_URI_DECODED = Kind(
    "not-a-uri-decoded",
    "must be an absolute URI (RFC 3986, section 4.3); headers are percent-decoded, so write a %% as %%25",
)
NOT_A_MEDIA_TYPE = Kind("not-a-media-type", "must be a media type (RFC 2046), such as %(example)s")
NOT_A_TIME = Kind("not-a-time", "must be an RFC 3339 time with a time zone, such as %(example)s")
TIME_OUT_OF_RANGE = Kind(
    "time-out-of-range", "is outside the years 1 to 9999 in UTC, which the stores can't keep: send a time within them"
)
REPEATED_ATTRIBUTE = Kind("repeated-attribute", "duplicate header: send it once")
DATA_IN_HEADER = Kind("data-in-header", "is the body in binary mode, not a header")
DATA_IN_KAFKA_HEADER = Kind("data-in-kafka-header", "is the value in binary mode, not a header")
CONTENT_TYPE_IN_HEADER = Kind("content-type-in-header", "is the %(header)s header in binary mode")
NOT_UTF8_ENCODED = Kind("not-utf8-encoded", "is not UTF-8 in percent-encoding")
NOT_UTF8 = Kind("not-utf8", "is not UTF-8")

# Data
DATA_TWICE = Kind("data-twice", "can't be sent together with data: send one of them")
NOT_BASE64 = Kind("not-base64", "must be a string in base64 (RFC 4648)")
NUL_IN_DATA = Kind("nul-in-data", "contains U+0000, which PostgreSQL can't store: send it in data_base64")
UNKNOWN_TYPE = Kind("unknown-type", "unknown type %(type)s; GET /schemas lists the known ones")
SCHEMA_WANTS_JSON = Kind("schema-wants-json", "this type's data is JSON, by its schema: send it as data")
SCHEMA_WANTS_DATA = Kind("schema-wants-data", "is required by this type's schema")
SCHEMA_TYPE = Kind("schema-type", "must be of the type %(wanted)s, by this type's schema")
SCHEMA_REQUIRED = Kind("schema-required", "lacks the member %(name)s, which this type's schema requires")
SCHEMA_UNKNOWN_MEMBERS = Kind("schema-unknown-members", "may not have %(names)s, by this type's schema")
SCHEMA_CHOICES = Kind("schema-choices", "must be one of %(choices)s, by this type's schema")
SCHEMA_AT_LEAST = Kind("schema-at-least", "must be %(limit)s or more, by this type's schema")
SCHEMA_AT_MOST = Kind("schema-at-most", "must be %(limit)s or less, by this type's schema")
SCHEMA_PATTERN = Kind("schema-pattern", "must match the pattern %(pattern)s, by this type's schema")
SCHEMA_FORMAT = Kind("schema-format", "must have the format %(format)s, by this type's schema")
SCHEMA_TOO_SHORT = Kind("schema-too-short", "must have %(limit)s characters or more, by this type's schema")
SCHEMA_TOO_LONG = Kind("schema-too-long", "must have %(limit)s characters or less, by this type's schema")
SCHEMA = Kind("schema", "breaks the rule %(keyword)s of this type's schema: %(message)s")

# The whole
MORE = Kind("more", "and %(count)s more")
REFUSED_BY_LEG = Kind("refused-by-leg", "refused by %(reason)s")

# The query's parameters
UNKNOWN_PARAMETER = Kind("unknown-parameter", "unknown parameter; expected one of %(known)s")
NO_PARAMETERS = Kind("no-parameters", "unknown parameter; this route takes none")
REPEATED_PARAMETER = Kind("repeated-parameter", "duplicate parameter: send it once")
NOT_A_CHOICE = Kind("not-a-choice", "must be one of %(choices)s")
NOT_CHOICES = Kind("not-choices", "must be a comma-separated list of %(choices)s")
NOT_A_COUNT = Kind("not-a-count", "must be an integer from %(least)s to %(most)s")
IMPOSSIBLE_CHARACTER = Kind(
    "impossible-character", "contains the character %(character)s, which no event can have here"
)
NOT_A_TIME_IN_URL = Kind(
    "not-a-time-in-url",
    "must be an RFC 3339 time with a time zone, such as %(example)s (in a URL, + is %%2B)",
)
RANGE_REVERSED = Kind("range-reversed", "is after `to`: swap them")
RANGE_TOO_LONG = Kind("range-too-long", "is more than %(days)s days before `to`: ask for less")
RANGE_TOO_FULL = Kind(
    "range-too-full", "begins a range with more events than can be counted in time: ask for a shorter range"
)
FOREIGN_CURSOR = Kind("foreign-cursor", "belongs to another list: use `next` of a page with the same parameters")

KINDS = {kind.code: kind for kind in vars().copy().values() if isinstance(kind, Kind)}
"""Each kind by its code, which no other has."""


def markdown() -> str:
    """docs/faults.md: each code with its text."""
    rows = [f"| `{code}` | {kind.text % _NAMED} |" for code, kind in sorted(KINDS.items())]
    return "\n".join((_DOCUMENT, "| code | text |", "|---|---|", *rows, ""))


class _Named(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return f"*{name}*"


_NAMED = _Named()
_DOCUMENT = """# Fault codes

What is wrong with a request, for programs: the members `code` and `parameters` (RFC 9457, section 3.2) stand beside
`detail` in each entry of `errors`, and in a 400 or 413 of the whole body. A code keeps its meaning; its text may
change, and new codes come. `parameters` has the values that are *emphasised* here. This page is written by `make docs`.
"""


if __name__ == "__main__":
    sys.stdout.write(markdown())
