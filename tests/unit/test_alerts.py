"""The rules of Prometheus and what hangs on them."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main
import yaml
from typer.core import TyperGroup

from cli.app import app

PROMETHEUS = Path("docker/prometheus")
PAGES = Path("docs/runbooks")
LOOK = "**Look.** [Where to look](../monitoring.md#where-to-look) has the commands for `make run` and for containers.\n"
WHERE = Path("docs/monitoring.md").read_text().partition("\n## Where to look\n")[2].partition("\n## ")[0]
ROWS = [line.strip("|").split("|") for line in WHERE.splitlines() if line.startswith("|")][2:]
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


def test_each_queue_that_there_is_can_be_unknown() -> None:
    rule = next(alert for alert in ALERTS if alert["alert"] == "BacklogUnknown")
    watched = re.findall(r'absent\(sqs_messages{queue="([^"]+)"}\)', rule["expr"])
    queues = re.findall(r"^ +QueueName: !Sub \$\{Prefix\}(\S+)$", Path("infra/template.yaml").read_text(), re.MULTILINE)
    assert sorted(watched) == sorted(queues)


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_a_runbook_names_commands_that_exist(page: Path) -> None:
    """Those of `make` and `mensageria`; what it says to see and to do has its place on every page."""
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    assert all(f"**{part}.**" in text for part in ("You see", "It means", "Look"))
    _assert_commands_exist(text)


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_a_runbook_leads_to_where_to_look_and_serves_both_ways_to_run(page: Path) -> None:
    """What differs between `make run` and containers is in that table alone."""
    before, link, after = page.read_text().partition(LOOK)
    assert link
    assert not re.search(r"\bmake [a-z]|docker compose|\.local/|127\.0\.0\.1:606", before + after)


def test_where_to_look_names_commands_that_exist() -> None:
    assert ROWS
    assert all(len(row) == 3 for row in ROWS)
    _assert_commands_exist(re.sub(r"bin/(?=mensageria)|docker compose run .*? tools ", "", WHERE))


def test_where_to_look_names_services_of_compose() -> None:
    commands = [command for row in ROWS for command in re.findall(r"`(docker compose [^`]+)`", row[2])]
    named = {service for command in commands for service in _services(command)}
    assert {"tools", "gateway", "web", "service-b", "service-c"} <= named
    assert named <= yaml.safe_load(Path("compose.yml").read_text())["services"].keys()


def _services(command: str) -> list[str]:
    """Those that a `docker compose …` is for; an option has its value behind a `=`."""
    verb, *words = shlex.split(command)[2:]
    names = [word.partition("=")[0] for word in words if not word.startswith("-")]
    return names[:1] if verb in {"run", "exec"} else names  # what follows these is a program and its arguments


def _assert_commands_exist(text: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", Path("Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^ +|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    letters = group.commands["dead-letters"]
    assert isinstance(letters, TyperGroup)
    known = {*group.commands, *(f"dead-letters {name}" for name in letters.commands)}
    assert set(re.findall(r"(?:^ +|`)mensageria ((?:dead-letters )?[a-z-]+)", text, re.MULTILINE)) <= known
