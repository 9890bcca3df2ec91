"""English and Portuguese: the reader's choice or the browser's language, and the texts in it.

The texts in the code are English; translations/pt_BR holds the others. The catalogue
is compiled into memory at start: no build product to keep in step.
"""

from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from quart import Quart, Response, g, request
from werkzeug.urls import iri_to_uri

COOKIE = "language"
CATALOGUES = Path(__file__).parents[1] / "translations"


@dataclass(frozen=True)
class Language:
    """One language of the pages; `tag` is BCP 47's, for `lang=`."""

    tag: str
    locale: Locale
    texts: NullTranslations


@cache
def languages() -> dict[str, Language]:
    """Each language under its primary subtag; the first is for whoever reads none of them."""
    return {
        "en": Language("en", Locale("en"), NullTranslations()),
        "pt": Language("pt-BR", Locale("pt", "BR"), _translations("pt_BR")),
    }


def tags() -> list[str]:
    """The tags of all languages."""
    return [language.tag for language in languages().values()]


def install(app: Quart) -> None:
    """Make every template speak the request's language."""
    languages()
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    app.jinja_env.globals.update(language=current, languages=languages, this_address=_this_address)
    app.after_request(_vary)


def current() -> Language:
    """The request's language: the one that was chosen, else the first of the browser's own that the pages speak."""
    if "language" not in g:
        g.language = _choose()
    language: Language = g.language
    return language


def gettext(text: str) -> str:
    """`text` in the request's language."""
    return current().texts.gettext(text)


def ngettext(one: str, more: str, number: int) -> str:
    """The form of the text that fits `number`, in the request's language."""
    return current().texts.ngettext(one, more, number)


def marked(text: str) -> str:
    """`text` itself, marked for the catalogue: it is translated where it is shown."""
    return text


def _choose() -> Language:
    spoken = languages()
    for language in spoken.values():
        if request.cookies.get(COOKIE) == language.tag:
            return language
    for tag, quality in request.accept_languages:
        primary = tag.replace("_", "-").split("-")[0].lower()
        if quality > 0 and primary in spoken:
            return spoken[primary]
    return next(iter(spoken.values()))


def _translations(locale: str) -> Translations:
    compiled = BytesIO()
    with (CATALOGUES / locale / "LC_MESSAGES" / "messages.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=locale, abort_invalid=True))
    compiled.seek(0)
    return Translations(compiled)


def _this_address() -> str:
    """The address of the request within the pages, in ASCII."""
    return iri_to_uri(request.full_path.removesuffix("?"))


async def _vary(response: Response) -> Response:
    response.vary.update(("Accept-Language", "Cookie"))
    return response
