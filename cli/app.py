"""The command `mensageria` with all its parts."""

import logging

import typer

from cli import dead_letter_commands, difference_command, event_commands, status_command, store_commands, trace_command
from pipeline.core.settings import given, read
from pipeline.core.settings.process import LogSettings
from pipeline.telemetry import logs

app = typer.Typer(
    help="Publish and find events, and keep the pipeline in order.",
    epilog="Exit codes: 0 well, 1 something was found or refused, 2 wrong usage, 3 unavailable, 130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(dead_letter_commands.app, name="dead-letters")
event_commands.add_to(app)
difference_command.add_to(app)
store_commands.add_to(app)
status_command.add_to(app)
trace_command.add_to(app)


@app.callback()
def _prepare() -> None:
    """What is done before each command: warnings go to stderr, as all logs do."""
    asked = given(LogSettings)
    logs.configure("tools", read(LogSettings, {"MENSAGERIA_LOG_LEVEL": "warning"} | asked))
    if "MENSAGERIA_LOG_LEVEL" not in asked:
        # It logs each try to connect, and the command says itself what failed.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
