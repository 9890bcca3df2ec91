"""The header that carries a publisher's key to the gateway."""

from pipeline.errors import SettingsError


def authorization(key: str) -> dict[str, str]:
    """The headers that `MENSAGERIA_GATEWAY_KEY` makes: none where it is empty.

    Raises SettingsError where the key can't stand in a header.
    """
    if not (key.isascii() and key.isprintable()):
        raise SettingsError("MENSAGERIA_GATEWAY_KEY is (a secret): give it in printable ASCII, without a line's end")
    return {"authorization": f"Bearer {key}"} if key else {}
