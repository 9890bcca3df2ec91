"""`python -m web`: the pages, served by uvicorn."""

import sys

import uvicorn

from pipeline import logs
from pipeline.errors import SettingsError
from pipeline.settings import WebSettings, read
from web.app import create_app

_STOP_TIMEOUT_S = 2
"""A journey that a browser follows may stay open for minutes: at the end it is cut."""


def main() -> None:
    """Serve until SIGTERM or SIGINT; ends with a message where a setting is missing."""
    try:
        settings = read(WebSettings)
    except SettingsError as error:
        sys.exit(f"web: {error}")
    logs.configure("web", settings.log)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        log_config=logs.logging_config("web", settings.log),
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_STOP_TIMEOUT_S,
    )


if __name__ == "__main__":
    main()
