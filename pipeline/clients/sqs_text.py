"""JSON as text that SNS and SQS take."""

_ESCAPES = str.maketrans({"\ufffe": "\\ufffe", "\uffff": "\\uffff"})
"""SQS takes neither character; in JSON they stand in strings alone, where an escape means the same."""


_ESCAPED = tuple(map(str.encode, map(chr, _ESCAPES)))
_ADDED_BYTES = 3
"""An escape has 6 bytes, the character in UTF-8 has 3."""


def sqs_text(body: bytes) -> str:
    """`body`, JSON in UTF-8, as the text of a message with the same content."""
    return body.decode() if body.isascii() else body.decode().translate(_ESCAPES)


def size_bytes(body: bytes) -> int:
    """The bytes of `sqs_text(body)` in UTF-8."""
    if body.isascii():
        return len(body)
    return len(body) + _ADDED_BYTES * sum([body.count(character) for character in _ESCAPED])
