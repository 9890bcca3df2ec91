"""The header that carries a key to the gateway or to the query."""

from pipeline.core.errors import SettingsError


def authorization(key: str, setting: str) -> dict[str, str]:
    """The headers that the key of `MENSAGERIA_<setting>` makes: none where it is empty.

    Raises SettingsError where the key can't stand in a header.
    """
    if not (key.isascii() and key.isprintable()):
        raise SettingsError(f"MENSAGERIA_{setting} is (a secret): give it in printable ASCII, without a line's end")
    return {"authorization": f"Bearer {key}"} if key else {}
