"""The parts of the app of the pages, typed, for all views: `current()` has them."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from quart import Quart, current_app

from pipeline.core.settings.web import WebSettings

if TYPE_CHECKING:  # these import this module
    from web.edges import Edges
    from web.login.openid import Provider
    from web.operating.dead_letter_service import DeadLetterService
    from web.operating.metrics import Refusals
    from web.operating.watch import Watch
    from web.publishing.suggestions import Suggestions

_KEY = "web"


@dataclass(kw_only=True)
class Web:
    """One app's; what needs a connection is there from when the app begins to serve."""

    settings: WebSettings
    registry: CollectorRegistry
    refusals: "Refusals"
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process stops: it ends what is followed."""
    streams: set[AsyncGenerator[str, None]] = field(default_factory=set)
    """The live parts that are followed now."""

    edges: "Edges" = field(init=False)
    suggestions: "Suggestions" = field(init=False)
    watch: "Watch" = field(init=False)
    provider: "Provider | None" = field(init=False)
    """None without a login."""
    desk: "DeadLetterService | None" = field(init=False)
    """None where the settings name no queue."""

    def install(self, app: Quart) -> None:
        """Make it the one of `app`."""
        app.extensions[_KEY] = self


def of(app: Quart) -> Web:
    """That of `app`."""
    found: Web = app.extensions[_KEY]
    return found


def current() -> Web:
    """That of the app that serves the request."""
    return of(current_app)
