"""The call that publishes a draft from a program, ready to copy."""

import shlex

from pipeline.events.event import STRUCTURED

_PYTHON = """\
import os
import urllib.request

event = {event}

request = urllib.request.Request(
    {address},
    data=event.encode(),
    headers={{"content-type": "{media_type}"{key}}},
)
with urllib.request.urlopen(request) as answer:
    print(answer.status, answer.read().decode())
"""


def curl(gateway_url: str, body: str, *, asks_for_key: bool) -> str:
    """The call for a shell; the key is read from $GATEWAY_KEY, never shown."""
    lines = [f"curl -i {shlex.quote(_address(gateway_url))}", f"-H 'content-type: {STRUCTURED}'"]
    if asks_for_key:
        lines.append('-H "authorization: Bearer $GATEWAY_KEY"')
    return " \\\n  ".join([*lines, f"--data-raw {shlex.quote(body)}"])


def python(gateway_url: str, body: str, *, asks_for_key: bool) -> str:
    """The same with Python's standard library alone."""
    key = ', "authorization": f"Bearer {os.environ[\'GATEWAY_KEY\']}"' if asks_for_key else ""
    script = _PYTHON.format(event=_literal(body), address=repr(_address(gateway_url)), media_type=STRUCTURED, key=key)
    return script if asks_for_key else script.removeprefix("import os\n")


def _literal(text: str) -> str:
    """A literal that reads as it is written wherever that can be."""
    is_plain = "\\" not in text and "'''" not in text and not text.endswith("'") and "\r" not in text
    return f"'''{text}'''" if is_plain else repr(text)


def _address(gateway_url: str) -> str:
    return f"{gateway_url.rstrip('/')}/events"
