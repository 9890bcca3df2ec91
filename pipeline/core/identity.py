"""Identity of an event, and what no part of one can have."""

import re

Identity = tuple[str, str]
"""(source, id): what makes two events the same."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""A control character (C0, DEL, C1): no attribute of an event has one (CloudEvents 1.0.2, section 3.1)."""
