"""`mensageria dead-letters`: list, show, send again, discard, export."""

import base64
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
import typer

from cli.addresses import Addresses, find
from cli.exit_codes import FOUND, OK, run
from cli.output import AsJson, complain, progress, say, write_each, write_json
from operations.connections import PLACES
from operations.dead_letters import DeadLetter, Place, Reading
from operations.redrive import Choice, chosen, discard, send_again
from pipeline.core.errors import MessageRefused

app = typer.Typer(help="What could never be stored: look at it, send it again, discard it.", no_args_is_help=True)

_AROUND = {
    "key": "record_key",
    "key_base64": "record_key_base64",
    "headers": "headers",
    "timestamp_ms": "timestamp_ms",
    "body_is_null": "body_is_null",
    "attributes": "attributes",
    "omitted": "omitted",
}
"""What surrounded the bytes, by its name in the envelope: `key` is the letter's own here."""
_COLUMNS = ("key", "reason", "source", "id", "received_at", "detail")
Keys = Annotated[list[str] | None, typer.Argument(help="Keys as `list` shows them.", show_default=False)]
In = Annotated[list[str] | None, typer.Option("--in", help="b, c or kafka; all three without it.")]
Reason = Annotated[list[str] | None, typer.Option("--reason", help="malformed, conflict, max_receives, …")]
Source = Annotated[str | None, typer.Option("--source", help="The event's source.")]
Type = Annotated[str | None, typer.Option("--type", help="The event's type.")]
All = Annotated[bool, typer.Option("--all", help="Every one of them.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without it, only what would be done is shown.")]

Treat = Callable[[Reading, Choice], AsyncGenerator[DeadLetter, None]]


@app.command("list")
def list_letters(
    place: In = None, reason: Reason = None, source: Source = None, type_: Type = None, as_json: AsJson = False
) -> None:
    """List the dead letters. Meanwhile they are hidden from others; all are given back."""
    run(_list(_places(place), _choice(None, reason, source, type_), as_json=as_json))


@app.command()
def show(key: str, as_json: AsJson = False) -> None:
    """Show one, with its original bytes."""
    run(_show(key, as_json=as_json))


@app.command("send-again")
def send_letters_again(
    keys: Keys = None,
    place: In = None,
    reason: Reason = None,
    source: Source = None,
    type_: Type = None,
    every: All = False,
    per_second: Annotated[float, typer.Option("--rate", min=0.01, help="Most letters a second.")] = 100,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Send some to where they came from, and remove each then. Interrupt and repeat it as you like."""
    choice = _choice(keys, reason, source, type_, every=every)
    treat: Treat = (lambda reading, meant: send_again(reading, meant, per_second=per_second)) if yes else chosen
    run(_treat(_places_of(keys, place), choice, treat, "sent again" if yes else None, as_json=as_json))


@app.command("discard")
def discard_letters(
    keys: Keys = None,
    place: In = None,
    reason: Reason = None,
    source: Source = None,
    type_: Type = None,
    every: All = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove some for good. `export` them first."""
    choice = _choice(keys, reason, source, type_, every=every)
    treat: Treat = discard if yes else chosen
    run(_treat(_places_of(keys, place), choice, treat, "discarded" if yes else None, as_json=as_json))


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="The file to write; - is the standard output.")] = Path("-"),
    place: In = None,
    reason: Reason = None,
    source: Source = None,
    type_: Type = None,
) -> None:
    """Write them all as JSON lines, each with its bytes in base64."""
    run(_export(file, _places(place), _choice(None, reason, source, type_)))


async def _list(places: tuple[Place, ...], choice: Choice, *, as_json: bool) -> int:
    with progress("dead letters") as tick:
        found = await write_each(_found(find(), places, choice, chosen, tick), _COLUMNS, _members, as_json=as_json)
    if not as_json:
        say(f"{found} dead letters")
    return OK


async def _show(key: str, *, as_json: bool) -> int:
    choice = Choice(keys=frozenset((key,)))
    async with aclosing(_found(find(), _places_of([key], None), choice, chosen, lambda _: None)) as letters:
        async for letter in letters:
            if as_json:
                write_json(_whole(letter))
            else:
                for name, value in _whole(letter).items():
                    say(f"{name:<13} {value if isinstance(value, str) else msgspec.json.encode(value).decode()}")
            return OK
    complain(f"there is no dead letter {key}: `mensageria dead-letters list` shows the keys")
    return FOUND


async def _treat(places: tuple[Place, ...], choice: Choice, treat: Treat, done: str | None, *, as_json: bool) -> int:
    with progress(done or "dry run") as tick:
        count = await write_each(_found(find(), places, choice, treat, tick), _COLUMNS, _members, as_json=as_json)
    if choice.keys and count < len(choice.keys):
        complain(f"{len(choice.keys) - count} of the keys are not there")
    if done:
        complain(f"{count} {done}")
    else:
        complain(f"dry run: these {count} are meant; nothing was done. Add --yes to do it")
    return FOUND if choice.keys and count < len(choice.keys) else OK


async def _export(file: Path, places: tuple[Place, ...], choice: Choice) -> int:
    found = aclosing(_found(find(), places, choice, chosen, lambda _: None))
    if str(file) == "-":
        async with found as letters:
            async for letter in letters:
                write_json(_whole(letter))
        return OK
    written = 0
    with _new(file) as opened, progress("exported") as tick:
        async with found as letters:
            async for letter in letters:
                opened.write(msgspec.json.encode(_whole(letter)) + b"\n")
                written += 1
                tick(written)
    complain(f"{written} dead letters in {file}")
    return OK


def _new(file: Path) -> IO[bytes]:
    try:
        return file.open("xb")
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from error


async def _found(
    addresses: Addresses, places: tuple[Place, ...], choice: Choice, treat: Treat, tick: Callable[[int], None]
) -> AsyncGenerator[DeadLetter, None]:
    """The letters of one place after the other. Raises MessageRefused after the last place."""
    count = 0
    refused = []
    for place in places:
        async with addresses.places.dead_letters(place) as reading:
            try:
                async with aclosing(treat(reading, choice)) as letters:
                    async for letter in letters:
                        count += 1
                        tick(count)
                        yield letter
            except MessageRefused as error:
                refused.append(str(error))
            if reading.elsewhere > 0:
                seen = f"{reading.elsewhere} could not be seen"
                complain(f"{place}: {seen}, as another reader had them or they are new: look again in a minute")
    if refused:
        raise MessageRefused("; ".join(refused))


def _places(names: list[str] | None) -> tuple[Place, ...]:
    if unknown := set(names or ()) - set(PLACES):
        raise typer.BadParameter(
            f"unknown place {', '.join(sorted(unknown))}; expected one of {', '.join(PLACES)}", param_hint="--in"
        )
    return tuple(place for place in PLACES if not names or place in names)


def _places_of(keys: list[str] | None, names: list[str] | None) -> tuple[Place, ...]:
    """Only the places that the keys are of."""
    if not keys:
        return _places(names)
    if malformed := [key for key in keys if key.partition(":")[0] not in PLACES]:
        raise typer.BadParameter(
            f"{malformed[0]!r} is not a key: keys begin with one of {', '.join(PLACES)}, and a colon"
        )
    return tuple(place for place in _places(names) if place in {key.partition(":")[0] for key in keys})


def _choice(
    keys: list[str] | None,
    reasons: list[str] | None,
    source: str | None,
    type_: str | None,
    *,
    every: bool | None = None,
) -> Choice:
    if every is False and not (keys or reasons or source or type_):
        raise typer.BadParameter("say which: keys, --reason, --source, --type, or --all")
    return Choice(keys=frozenset(keys or ()), reasons=frozenset(reasons or ()), source=source, type=type_)


def _members(letter: DeadLetter) -> dict[str, Any]:
    event, kept = letter.event, letter.envelope
    return {
        "key": letter.key,
        "reason": kept.reason,
        "detail": kept.detail,
        "source": event.source if event else None,
        "id": event.id if event else None,
        "type": event.type if event else None,
        "service": kept.service,
        "via": kept.via,
        "origin": kept.origin,
        "first_seen": kept.first_seen,
        "attempts": kept.attempts,
        **kept.metadata.every(),
    }


def _whole(letter: DeadLetter) -> dict[str, Any]:
    bodies = {"body": letter.body.decode(errors="replace"), "body_base64": base64.b64encode(letter.body).decode()}
    kept = msgspec.to_builtins(letter.envelope)
    around = {shown: kept[name] for name, shown in _AROUND.items() if kept[name] not in (None, [], (), False)}
    return _members(letter) | around | bodies
