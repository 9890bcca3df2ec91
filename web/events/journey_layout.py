"""Layout of the journey's drawing: lying for wide pages, standing for narrow ones."""

from dataclasses import dataclass

from web.events.journey import WAYS, links

_LINKS = tuple(dict.fromkeys(link for way in WAYS for link in links(way)))


@dataclass(frozen=True)
class Box:
    """A hop's rectangle, in the drawing's units."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Drawing:
    """A drawing's size and its hops' places."""

    width: int
    height: int
    is_standing: bool
    boxes: dict[str, Box]
    links: tuple[tuple[str, str], ...] = _LINKS

    def path(self, link: tuple[str, str]) -> str:
        """An SVG path of the link: a curve that leaves and arrives straight."""
        start, end = self.boxes[link[0]], self.boxes[link[1]]
        if self.is_standing:
            x1, y1 = start.x + start.width // 2, start.y + start.height
            x2, y2 = end.x + end.width // 2, end.y
            bend = (y1 + y2) // 2
            return f"M{x1} {y1}C{x1} {bend} {x2} {bend} {x2} {y2}"
        x1, y1 = start.x + start.width, start.y + start.height // 2
        x2, y2 = end.x, end.y + end.height // 2
        bend = (x1 + x2) // 2
        return f"M{x1} {y1}C{bend} {y1} {bend} {y2} {x2} {y2}"


WIDE = Drawing(
    width=1000,
    height=276,
    is_standing=False,
    boxes={
        "gateway": Box(2, 110, 156, 56),
        "sns": Box(212, 56, 146, 56),
        "kafka": Box(212, 218, 146, 56),
        "queue_b": Box(412, 2, 146, 56),
        "queue_c": Box(412, 110, 146, 56),
        "service_b": Box(612, 2, 146, 56),
        "service_c": Box(612, 164, 146, 56),
        "postgres": Box(812, 2, 186, 56),
        "dynamodb": Box(812, 154, 186, 76),
    },
)

TALL = Drawing(
    width=288,
    height=436,
    is_standing=True,
    boxes={
        "gateway": Box(74, 2, 140, 56),
        "sns": Box(2, 96, 138, 46),
        "kafka": Box(148, 96, 138, 46),
        "queue_b": Box(2, 180, 96, 46),
        "queue_c": Box(106, 180, 96, 46),
        "service_b": Box(2, 264, 96, 46),
        "service_c": Box(148, 264, 138, 46),
        "postgres": Box(2, 358, 128, 76),
        "dynamodb": Box(148, 358, 138, 76),
    },
)
