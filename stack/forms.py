"""Form-encoded requests, which the emulator's router and its services would each parse again."""

from urllib.parse import parse_qs


class Forms:
    """Parses the last form once, however often it is asked for."""

    def __init__(self) -> None:
        self._text = ""
        self._fields: dict[str, list[str]] = {}

    def parse(self, text: str, keep_blank_values: bool = False) -> dict[str, list[str]]:
        """What `urllib.parse.parse_qs` answers."""
        if text != self._text:
            self._fields = parse_qs(text, keep_blank_values=True)
            self._text = text
        if keep_blank_values:
            return {name: [*values] for name, values in self._fields.items()}
        kept = {name: [value for value in values if value] for name, values in self._fields.items()}
        return {name: values for name, values in kept.items() if values}
