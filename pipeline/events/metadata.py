"""The gateway's metadata of an event: carried, stored and shown under the same names everywhere.

SNS' and SQS' message attributes, Kafka's headers, PostgreSQL's columns, the table's attributes and the members
of a dead letter have these names. docs/howto/attribute.md says what a further one touches.
"""

from collections.abc import Callable
from typing import Self

import msgspec

MAX_CHARACTERS = 1024
"""Of a value. The gateway's own are shorter; what others write under these names may be as large as a record."""


class Metadata(msgspec.Struct, frozen=True):
    """`received_at` is RFC 3339, `publisher` the name of a key, `traceparent` W3C's; None where it is unknown."""

    received_at: str | None = None
    publisher: str | None = None
    traceparent: str | None = None

    @classmethod
    def of(cls, carried: Callable[[str], str | None]) -> Self:
        """The metadata of which `carried` gives each value by its name. One over MAX_CHARACTERS is no gateway's: None.

        A dead letter has each value a second time, beside all headers, and has to fit in its topic.
        """
        values = map(carried, cls.__struct_fields__)
        return cls(*[value if value is None or len(value) <= MAX_CHARACTERS else None for value in values])

    def known(self) -> dict[str, str]:
        """The values that are there, by their names."""
        return {name: value for name, value in self.every().items() if value is not None}

    def every(self) -> dict[str, str | None]:
        """All values by their names."""
        return msgspec.structs.asdict(self)
