"""The rules of Prometheus and what hangs on them."""

import re
from pathlib import Path

import pytest
import typer.main
import yaml
from typer.core import TyperGroup

from cli.app import app

PROMETHEUS = Path("docker/prometheus")
PAGES = Path("docs/runbooks")
RULES = [
    rule
    for file in sorted(PROMETHEUS.glob("rules/*.yml"))
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: f"{rule['alert']}-{rule['labels'].get('burn', '')}")
def test_every_alert_says_what_it_saw_how_much_it_matters_and_what_to_do(alert: dict[str, dict[str, str]]) -> None:
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["runbook_url"] == str(PAGES / f"{alert['alert']}.md")


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == {alert["alert"] for alert in ALERTS}


def test_every_alert_fires_in_a_test_and_keeps_silent_in_another() -> None:
    tests = [
        each
        for file in PROMETHEUS.glob("tests/*.yml")
        for test in yaml.safe_load(file.read_text())["tests"]
        for each in test["alert_rule_test"]
    ]
    names = {alert["alert"] for alert in ALERTS}
    assert {each["alertname"] for each in tests if each["exp_alerts"]} == names
    assert {each["alertname"] for each in tests if not each["exp_alerts"]} == names


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_a_runbook_names_commands_that_exist(page: Path) -> None:
    """Those of `make` and `mensageria`; what it says to see and to do has its place on every page."""
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    assert all(f"**{part}.**" in text for part in ("You see", "It means", "Look"))
    targets = set(re.findall(r"^([a-z-]+):", Path("Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^ +|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    letters = group.commands["dead-letters"]
    assert isinstance(letters, TyperGroup)
    known = {*group.commands, *(f"dead-letters {name}" for name in letters.commands)}
    assert set(re.findall(r"(?:^ +|`)mensageria ((?:dead-letters )?[a-z-]+)", text, re.MULTILINE)) <= known
