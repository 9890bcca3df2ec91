"""Drafts to start from."""

import json
import uuid

from web.publishing.draft import Draft
from web.site.languages import marked

LABELS = {
    "order": marked("An order"),
    "reading": marked("A reading of a sensor"),
    "refund": marked("A refund, in order by its key"),
    "text": marked("Text in any script"),
}
_SOURCE = "urn:mensageria:web"
_DRAFTS = {
    "order": Draft(
        type="com.example.order.created",
        source=_SOURCE,
        data='{\n  "order": 1001,\n  "total": "49.90",\n  "currency": "BRL"\n}',
    ),
    "reading": Draft(
        type="com.example.sensor.reading",
        source="/plant/boiler-2",
        subject="temperature",
        data='{\n  "celsius": 81.5,\n  "at": "2026-11-23T15:24:00Z",\n  "alarm": false\n}',
    ),
    "refund": Draft(
        type="com.example.order.refunded",
        source=_SOURCE,
        subject="order/1001",
        key="order/1001",
        data='{\n  "order": 1001,\n  "lines": [\n    {"sku": "A-7", "quantity": 1, "amount": "19.90"}\n  ]\n}',
    ),
    "text": Draft(
        type="com.example.greeting",
        source=_SOURCE,
        data='{\n  "pt": "Olá, mundo",\n  "ar": "مرحبا بالعالم",\n  "ja": "こんにちは世界",\n  "emoji": "👋🌍"\n}',
    ),
}


def draft(name: str) -> Draft:
    """A fresh draft of the example `name`, else of the first; the same event both ways."""
    one = _DRAFTS.get(name, _DRAFTS["order"])
    typed = {"source": one.source, "type": one.type, "subject": one.subject, "partitionkey": one.key}
    event = {"specversion": "1.0", "id": str(uuid.uuid4())} | {name: text for name, text in typed.items() if text}
    written = json.dumps(event | {"data": json.loads(one.data)}, indent=2, ensure_ascii=False)
    return Draft(type=one.type, source=one.source, subject=one.subject, key=one.key, data=one.data, json=written)
