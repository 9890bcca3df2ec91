"""Compares what a client was told with what the stores hold: after the manner of Jepsen's set checker."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.chaos.journal import ACCEPTED, Told, Way
from tests.chaos.poison import EVERY_WAY
from tests.chaos.stores import PLACES, Held, Letter, Place

_CONFLICT = "conflict"
_FOREIGN: Place = ("dynamodb", "kafka")
"""Where an event is that was written into the topic past the gateway."""


@dataclass
class Findings:
    """What is wrong: each list names where and which, and all are empty where nothing is."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    made_up: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    letters_lost: list[str] = field(default_factory=list)
    letters_made_up: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return ", ".join(f"{len(found)} {name.replace('_', ' ')} {found[:3]}" for name, found in vars(self).items())

    def __bool__(self) -> bool:
        return any(vars(self).values())


@dataclass(frozen=True)
class Counts:
    """What is allowed, and how much of it there was."""

    accepted: int
    """Contents that were answered with 202."""
    pending: int
    """Events in those answers that one broker was out for."""
    recovered: int
    """Contents without a 202, yet stored: no answer came, or a 503."""
    halves: int
    """Of those, the ones that only one of the gateway's legs has."""
    conflicts: int
    poison: int
    letters: int
    letters_repeated: int
    """Letters beyond one for each time that the same was accepted: a kill came between the letter and the delete."""
    foreign: int = 0
    """Events that were written into the topic past the gateway."""


def check(told: Told, held: Held, letters: Sequence[Letter]) -> tuple[Findings, Counts]:
    """Compare; the lists of the findings name places, ids and hashes."""
    findings = Findings()
    refused = {id_ for each in told.attempts if each.is_refused for id_, _ in each.events}
    findings.refused += _named(["gateway"], refused)
    for place in PLACES:
        _compare(place, told, held, findings)
    kept = {id_: hashes[0] for id_, hashes in held["postgres", "sqs"].items()}
    conflicts = _compare_conflicts(told, kept, letters, findings)
    for way in EVERY_WAY:
        _compare_poison(way, told.poison[way], [each for each in letters if each.way == way], findings)
    distinct = {(letter.way, letter.body) for letter in letters}
    recovered, halves = _without_answer(told, held)
    return findings, Counts(
        accepted=told.events_accepted,
        pending=sum(attempt.pending for attempt in told.attempts),
        recovered=recovered,
        halves=halves,
        conflicts=conflicts,
        poison=sum(map(len, told.poison.values())),
        foreign=len(told.foreign),
        letters=len(distinct),
        letters_repeated=_repeated(told, letters),
    )


def _repeated(told: Told, letters: Sequence[Letter]) -> int:
    """Who sends a conflict again is told of it again."""
    accepted = Counter(named for each in told.attempts if each.status == ACCEPTED for named in each.events)
    written = Counter((each.way, each.id or "", each.body) for each in letters)
    return sum(max(0, number - max(1, accepted[id_, body])) for (_, id_, body), number in written.items())


def _compare(place: Place, told: Told, held: Held, findings: Findings) -> None:
    """PostgreSQL keeps one of an id's contents, DynamoDB all of them."""
    store, way = place
    name, here, keeps_one = f"{store} by {way}", held[place], store == "postgres"
    foreign = told.foreign if place == _FOREIGN else {}
    all_tried = told.tried | foreign
    findings.made_up += _named([name], here.keys() - all_tried.keys())
    for id_, tried in all_tried.items():
        found, accepted = here.get(id_, []), told.accepted.get(id_, foreign.get(id_, set()))
        missing = sorted(accepted - set(found))
        if keeps_one:
            missing = [] if found else missing[:1]
        findings.lost += _named([name, id_], missing)
        findings.doubled += _named([name, id_], found[1 if keeps_one else len(set(found)) :])
        findings.changed += _named([name, id_], set(found) - tried)


def _compare_conflicts(told: Told, kept: dict[str, str], letters: Sequence[Letter], findings: Findings) -> int:
    """Each content but the one that PostgreSQL keeps is a dead letter of B; how many there are."""
    refused = {(each.id or "", each.body) for each in letters if each.reason == _CONFLICT}
    allowed = {(id_, hash_) for id_, tried in told.tried.items() for hash_ in tried - {kept.get(id_)}}
    accepted = {(id_, hash_) for id_, hash_ in allowed if hash_ in told.accepted.get(id_, ()) and id_ in kept}
    findings.letters_lost += _named([_CONFLICT], map("/".join, accepted - refused))
    findings.letters_made_up += _named([_CONFLICT], map("/".join, refused - allowed))
    return len(refused)


def _compare_poison(way: Way, poison: set[str], letters: Sequence[Letter], findings: Findings) -> None:
    found = {each.body for each in letters if each.reason != _CONFLICT}
    findings.letters_lost += _named(way, poison - found)
    reasons = {each.body: each.reason or "no envelope" for each in letters}
    findings.letters_made_up += _named(way, (f"{reasons[body]} {body}" for body in found - poison))


def _without_answer(told: Told, held: Held) -> tuple[int, int]:
    recovered = halves = 0
    for id_, tried in told.tried.items():
        for hash_ in tried - told.accepted.get(id_, set()):
            ways = [hash_ in held["dynamodb", way].get(id_, []) for way in ("sqs", "kafka")]
            recovered += any(ways)
            halves += any(ways) and not all(ways)
    return recovered, halves


def _named(where: Iterable[str], which: Iterable[str]) -> list[str]:
    return [f"{' '.join(where)}: {each}" for each in which]
