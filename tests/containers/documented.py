"""The commands of docs/containers.md: each is run by a test of this package, under the name that it has here."""

import re

from tests.support.running_system import ROOT

_PAGE = ROOT / "docs" / "containers.md"


def commands() -> list[str]:
    """The page's commands in their order, without their comments; one that goes on over lines is one."""
    blocks = re.findall(r"(?:^    .*\n)+", _PAGE.read_text(), re.MULTILINE)
    lines = [line for block in blocks for line in block.replace("\\\n", "").splitlines()]
    return [re.sub(r"\s+", " ", re.sub(r"\s{2,}#.*", "", line)).strip() for line in lines]


def _command(start: str) -> str:
    """The one command of the page that begins so."""
    [found] = [command for command in commands() if command.startswith(start)]
    return found


UP = _command("make up")
DOWN = _command("make down")
READ_SECRETS = _command(". ./.env")
PUBLISH = _command("curl")
NEW_KEY = _command("docker compose run --rm tools python -m gateway.keys")
STATUS = _command("docker compose run --rm tools mensageria status")
LOGS = _command("docker compose logs")
SCALE = _command("docker compose up --detach --no-recreate --scale")
FORGET = _command("docker compose --profile '*' down --volumes")
BUILD_BY_DIGEST = _command("docker build")
RUN_BY_TESTS = {UP, DOWN, READ_SECRETS, PUBLISH, NEW_KEY, STATUS, LOGS, SCALE, FORGET, BUILD_BY_DIGEST}
