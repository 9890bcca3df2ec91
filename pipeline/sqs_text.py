"""JSON as text that SNS and SQS take."""

_ESCAPES = str.maketrans({"\ufffe": "\\ufffe", "\uffff": "\\uffff"})
"""SQS takes neither character; in JSON they stand in strings alone, where an escape means the same."""


def sqs_text(body: bytes) -> str:
    """`body`, JSON in UTF-8, as the text of a message with the same content."""
    return body.decode() if body.isascii() else body.decode().translate(_ESCAPES)
