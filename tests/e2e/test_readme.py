"""What the READMEs tell people to type does what they say."""

import asyncio
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import until

PAGES = ("README.md", "README.pt-BR.md")


def commands(page: str) -> list[str]:
    """The shell commands of a page, one for each block."""
    return [block.strip() for block in re.findall(r"```sh\n(.*?)```", Path(page).read_text(), re.DOTALL)]


def on(endpoints: dict[str, str], command: str) -> str:
    """`command` with the addresses of the system that the tests run."""
    query = "http://127.0.0.1:4566/_aws/execute-api/mensageria/$default"
    return command.replace("http://127.0.0.1:8000", endpoints["gateway"]).replace(query, endpoints["query"])


async def run(command: str) -> str:
    answer = await asyncio.to_thread(
        subprocess.run, ["bash", "-c", command], capture_output=True, text=True, timeout=30, check=True
    )
    return answer.stdout


@pytest.mark.parametrize("page", PAGES)
async def test_the_first_event_is_accepted_and_found(system: Any, page: str) -> None:
    publish, ask = (on(system.endpoints, command) for command in commands(page) if command.startswith("curl"))
    assert (await run(publish)).startswith("HTTP/1.1 202")

    async def is_complete() -> bool:
        answer = json.loads(await run(ask))
        return bool(answer.get("complete"))

    await until(is_complete, within_s=30)


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_a_page_names_exists(page: str) -> None:
    targets = set(re.findall(r"(?:^|`)make ([a-z-]+)", Path(page).read_text(), re.MULTILINE))
    known = set(re.findall(r"^([a-z-]+):.*## ", Path("Makefile").read_text(), re.MULTILINE))
    assert targets <= known
    assert {"run", "test"} <= targets


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md", *map(str, sorted(Path("docs").rglob("*.md")))])
def test_every_link_within_the_project_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", Path(page).read_text())
    missing = [link for link in links if not (Path(page).parent / link).exists()]
    assert not missing
