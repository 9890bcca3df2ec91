"""Coordinates of a chart's lines, in the drawing's own units."""

import math
from dataclasses import dataclass

from web.operating.samples import Point

WIDTH, HEIGHT = 600, 160
_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Line:
    """One line: `points` from the oldest to the newest."""

    name: str
    points: list[Point]

    @property
    def now(self) -> float | None:
        """The newest value."""
        return self.points[-1][1] if self.points else None

    @property
    def most(self) -> float | None:
        """The greatest value."""
        return max((value for _, value in self.points if value is not None), default=None)

    def ago(self, seconds: float) -> float | None:
        """The value so many seconds before the newest point; None where the points don't reach there."""
        if not self.points:
            return None
        moment = self.points[-1][0] - seconds
        reached = [value for at, value in self.points if at <= moment]
        return reached[-1] if reached else None


@dataclass(frozen=True)
class Chart:
    """Lines over the `span_s` seconds before `end`; its height is `top`, a round number, and never below `least`."""

    name: str
    lines: tuple[Line, ...]
    end: float
    span_s: float
    least: float

    @property
    def top(self) -> float:
        """The value at the upper edge."""
        return round_up(max(self.least, *(line.most or 0.0 for line in self.lines)))

    def path(self, line: Line) -> str:
        """An SVG path of `line`: it is broken where a value is missing."""
        parts = []
        is_drawing = False
        for at, value in line.points:
            if value is not None:
                parts.append(f"{'L' if is_drawing else 'M'}{self._x(at):.1f} {self._y(value):.1f}")
            is_drawing = value is not None
        return "".join(parts)

    def _x(self, at: float) -> float:
        return WIDTH * (1 - (self.end - at) / self.span_s)

    def _y(self, value: float) -> float:
        return HEIGHT * (1 - value / self.top)


def round_up(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten, for a `value` above zero."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in _STEPS if step * power >= value * (1 - 1e-9))
