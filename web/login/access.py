"""The user of a request, and their roles.

Without a login these pages are on a loopback address, and who reaches them may do all.
With one, every page needs the role of a reader, and every action the role that it names:
one that names none is refused.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, TypeVar

from quart import Quart, current_app, g, redirect, request, session, url_for
from quart.typing import ResponseReturnValue

from pipeline.core.errors import MensageriaError
from pipeline.core.settings.web import WebSettings
from web.context import current

Action = TypeVar("Action", bound=Callable[..., Any])


class Role(IntEnum):
    """What somebody may do; each may do what those before it may."""

    NOBODY = 0
    READER = 1
    PUBLISHER = 2
    OPERATOR = 3

    @classmethod
    def highest(cls, names: Sequence[Any]) -> "Role":
        """The highest role among `names`; what names none is left out."""
        known = {role.name.lower(): role for role in cls}
        return max((known[name] for name in names if isinstance(name, str) and name in known), default=cls.NOBODY)


READER, PUBLISHER, OPERATOR = Role.READER, Role.PUBLISHER, Role.OPERATOR


class NotAllowed(MensageriaError):
    """Somebody asked for what their role does not allow; `needed` would."""

    def __init__(self, needed: Role) -> None:
        super().__init__(f"needs the role {needed.name.lower()}")
        self.needed = needed


@dataclass(frozen=True)
class Person:
    """Somebody who has logged in; `ends_at` is when the session ends, in seconds since 1970."""

    subject: str
    name: str
    role: int
    ends_at: float


def needs(role: Role) -> Callable[[Action], Action]:
    """Only who has `role` may do this."""

    def mark(action: Action) -> Action:
        action.needed_role = role  # type: ignore[attr-defined]
        return action

    return mark


def needed_role(app: Quart, endpoint: str | None) -> Role | None:
    """The role that the action at `endpoint` names; None where it names none."""
    found: Role | None = getattr(app.view_functions.get(endpoint or ""), "needed_role", None)
    return found


def install(app: Quart, settings: WebSettings) -> None:
    """Ask everybody who they are, where `settings` have a login."""
    app.jinja_env.globals.update(person=person, may=may, operator=OPERATOR, publisher=PUBLISHER)
    if settings.login:
        app.before_request(_guard)


def enter(person: Person) -> None:
    """Begin a session, with nothing of the one before."""
    session.clear()
    session["person"] = asdict(person)


def person() -> Person | None:
    """Who has logged in; None where nobody has."""
    if "person" not in g:
        g.person = _of_session()
    found: Person | None = g.person
    return found


def name() -> str:
    """What the log calls who acts here."""
    found = person()
    return found.subject if found else "without a login"


def may(role: Role) -> bool:
    """Whether the request's sender has `role`."""
    if not current().settings.login:
        return True
    found = person()
    return found is not None and found.role >= role


async def _guard() -> ResponseReturnValue | None:
    if request.blueprint in ("health", "login") or request.endpoint == "static":
        return None
    if not person():
        return _send_to_login()
    needed = READER if request.method in ("GET", "HEAD", "OPTIONS") else needed_role(current_app, request.endpoint)
    if needed is None or not may(needed):
        raise NotAllowed(needed or OPERATOR)
    return None


def _send_to_login() -> ResponseReturnValue:
    """To the login, and back to the page; a program, a script or an action gets a 401."""
    if request.method == "GET" and request.accept_mimetypes.accept_html:
        return redirect(url_for("login.begin", next=request.full_path.removesuffix("?")))
    return "", 401


def _of_session() -> Person | None:
    try:
        found = Person(**session["person"])
    except (KeyError, TypeError):
        return None
    return found if found.ends_at > time.time() else None
