"""What unit tests of several packages share."""

from collections.abc import Iterator

import pytest

from tests.support import edge as edges
from tests.support.clock import Clock
from tests.support.edge import Edge


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def edge() -> Iterator[Edge]:
    with edges.serving() as one:
        yield one
