"""Addresses within these pages: where a form or a login leads back to."""

import re

# A browser takes `\` for `/` and leaves out tabs and line ends: `/\t/other.example` would lead away.
_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*|/")


def own_path(text: str) -> str:
    """`text` where it is a path of these pages, else `/`: no address leads to another site."""
    return text if _OWN_PATH.fullmatch(text) else "/"
