"""A clock that a test turns."""


class Clock:
    """Stands still; `now` is what it says, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now
