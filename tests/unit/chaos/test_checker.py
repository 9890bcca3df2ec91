"""The checker of the fault kit: each thing that can be wrong is found, and what is allowed isn't."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.checker import Findings, check
from tests.chaos.journal import Journal, Told, content_hash, raw_hash, read
from tests.chaos.poison import EVERY_WAY
from tests.chaos.stores import PLACES, Held, Letter

B = ("service-b", "sqs")
POISON = b"{"
FIRST, SECOND, OTHER = (content_hash({"n": number}) for number in range(3))


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """ "a" was accepted with two contents, "b" got no answer; one poison went every way."""
    journal = Journal(tmp_path / "journal")
    journal.answered(journal.sending([("a", FIRST)]), 202)
    journal.answered(journal.sending([("a", SECOND)]), 202)
    journal.failed(journal.sending([("b", FIRST)]), TimeoutError())
    for way in EVERY_WAY:
        journal.poison(POISON, way)
    journal.foreign("f", FIRST)
    journal.close()
    return read(tmp_path / "journal")


@pytest.fixture
def held() -> Held:
    """What the stores hold where nothing is wrong."""
    found: Held = {place: {"a": [FIRST, SECOND]} for place in PLACES}
    found["postgres", "sqs"] = {"a": [FIRST]}
    found["dynamodb", "kafka"]["f"] = [FIRST]
    return found


@pytest.fixture
def letters() -> list[Letter]:
    """The dead letters where nothing is wrong."""
    return [
        Letter(B, "conflict", "a", SECOND),
        *(Letter(way, "malformed", None, raw_hash(POISON)) for way in EVERY_WAY),
    ]


def test_finds_nothing_where_nothing_is_wrong(told: Told, held: Held, letters: list[Letter]) -> None:
    findings, counts = check(told, held, letters)
    assert findings == Findings()
    assert (counts.accepted, counts.recovered, counts.conflicts, counts.poison, counts.letters) == (2, 0, 1, 3, 4)
    assert counts.foreign == 1


def test_finds_what_was_refused(told: Told, held: Held, letters: list[Letter]) -> None:
    told.attempts[2].status = 422
    findings, _ = check(told, held, letters)
    assert findings == Findings(refused=["gateway: b"])


def test_counts_what_is_allowed(told: Told, held: Held, letters: list[Letter]) -> None:
    held["dynamodb", "sqs"]["b"] = [FIRST]
    findings, counts = check(told, held, [*letters, letters[0]])
    assert findings == Findings()
    assert (counts.recovered, counts.halves, counts.letters_repeated) == (1, 1, 1)


def lose_a_row(held: Held, letters: list[Letter]) -> None:
    held["postgres", "sqs"].clear()


def lose_one_way(held: Held, letters: list[Letter]) -> None:
    held["dynamodb", "kafka"]["a"].remove(SECOND)


def double_an_item(held: Held, letters: list[Letter]) -> None:
    held["dynamodb", "kafka"]["a"].append(FIRST)


def keep_both_in_postgres(held: Held, letters: list[Letter]) -> None:
    held["postgres", "sqs"]["a"].append(SECOND)


def lose_a_foreign_one(held: Held, letters: list[Letter]) -> None:
    del held["dynamodb", "kafka"]["f"]


def double_a_foreign_one(held: Held, letters: list[Letter]) -> None:
    held["dynamodb", "kafka"]["f"].append(FIRST)


def store_a_foreign_one_elsewhere(held: Held, letters: list[Letter]) -> None:
    held["dynamodb", "sqs"]["f"] = [FIRST]


def make_one_up(held: Held, letters: list[Letter]) -> None:
    held["dynamodb", "sqs"]["c"] = [FIRST]


def change_one(held: Held, letters: list[Letter]) -> None:
    held["dynamodb", "sqs"]["a"][0] = OTHER


def lose_the_conflict(held: Held, letters: list[Letter]) -> None:
    del letters[0]


def lose_a_poison(held: Held, letters: list[Letter]) -> None:
    del letters[-1]


def refuse_a_good_one(held: Held, letters: list[Letter]) -> None:
    letters.append(Letter(B, "rejected", "a", FIRST))


def refuse_the_kept_one(held: Held, letters: list[Letter]) -> None:
    letters.append(Letter(B, "conflict", "a", FIRST))


@pytest.mark.parametrize(
    ("damage", "names"),
    [
        (lose_a_row, {"lost"}),
        (lose_one_way, {"lost"}),
        (double_an_item, {"doubled"}),
        (keep_both_in_postgres, {"doubled"}),
        (lose_a_foreign_one, {"lost"}),
        (double_a_foreign_one, {"doubled"}),
        (store_a_foreign_one_elsewhere, {"made_up"}),
        (make_one_up, {"made_up"}),
        (change_one, {"changed", "lost"}),
        (lose_the_conflict, {"letters_lost"}),
        (lose_a_poison, {"letters_lost"}),
        (refuse_a_good_one, {"letters_made_up"}),
        (refuse_the_kept_one, {"letters_made_up"}),
    ],
)
def test_finds_what_is_wrong(
    damage: Callable[[Held, list[Letter]], None], names: set[str], told: Told, held: Held, letters: list[Letter]
) -> None:
    damage(held, letters)
    findings, _ = check(told, held, letters)
    assert {name for name, found in vars(findings).items() if found} == names
    assert all(len(found) == 1 for found in vars(findings).values() if found)


def test_a_conflict_that_was_sent_again_is_a_letter_again(told: Told, held: Held, letters: list[Letter]) -> None:
    told.attempts.append(told.attempts[1])
    for written, repeated in ((2, 0), (3, 1)):
        _, counts = check(told, held, [*letters, *[letters[0]] * (written - 1)])
        assert (counts.letters, counts.letters_repeated) == (4, repeated)
