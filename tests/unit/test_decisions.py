"""The decision records: one template, one number each, and a complete index."""

import re
from pathlib import Path

import pytest

_FOLDER = Path("docs/decisions")
_RECORDS = sorted(_FOLDER.glob("[0-9]*.md"))
_HEAD = re.compile(
    r"# (?P<number>\d+)\. (?P<title>.+)\n\n"
    r"- Date: (?P<date>\d{4}-\d{2}-\d{2})\n"
    r"- Status: (?P<status>accepted|superseded by \[\d+\]\(\d{4}-[a-z0-9-]+\.md\))\n\n"
)


def head(record: Path) -> dict[str, str]:
    found = _HEAD.match(record.read_text())
    assert found, f"{record} does not begin with the title, date and status of docs/decisions/README.md"
    return found.groupdict()


@pytest.mark.parametrize("record", _RECORDS, ids=lambda record: record.stem)
def test_a_record_follows_the_template(record: Path) -> None:
    assert int(head(record)["number"]) == int(record.name[:4])
    parts = re.findall(r"^\*\*([A-Z][a-z]+)\.\*\*", record.read_text(), re.MULTILINE)
    assert parts[0] == "Context"
    assert "Decision" in parts
    assert parts[-1] == "Consequences"


def test_each_number_is_taken_once() -> None:
    numbers = [record.name[:4] for record in _RECORDS]
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    assert not twice, f"take the next free number for one of the records of each: {twice}"


def test_the_index_lists_every_record() -> None:
    expected = []
    for record in _RECORDS:
        of = head(record)
        expected.append(f"| {of['number']} | [{of['title']}]({record.name}) | {of['date']} | {of['status']} |")
    lines = (_FOLDER / "README.md").read_text().splitlines()
    assert [line for line in lines if re.match(r"\| \d", line)] == expected
