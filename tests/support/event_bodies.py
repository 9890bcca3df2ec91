"""Events as bytes, and what is wrong with them."""

import json
from typing import Any

import pytest

from pipeline.core.errors import InvalidEvent
from pipeline.events.event import parse

EVENT: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "urn:test", "type": "order.created"}


def encode(**changes: Any) -> bytes:
    return json.dumps({name: value for name, value in (EVENT | changes).items() if value is not ...}).encode()


def faults_of(body: bytes) -> dict[str, str]:
    with pytest.raises(InvalidEvent) as caught:
        parse(body)
    return {fault.pointer: fault.detail for fault in caught.value.faults}
