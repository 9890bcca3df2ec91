"""Why a benchmark cannot go on, or why one of its runs does not count."""

from pipeline.core.errors import MensageriaError


class BenchError(MensageriaError):
    """The benchmark can't run here; the text says why and what to do."""


class DoesNotCount(MensageriaError):
    """A run whose figures mean nothing: an event was refused, or isn't where its 202 says that it is."""
