"""`python -m dashboards FOLDER`: writes every dashboard there as JSON."""

import argparse
import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.dead_letters import dead_letters
from dashboards.gateway import gateway
from dashboards.overview import overview
from dashboards.services import services
from dashboards.stores import stores


def main() -> None:
    """Write them all; a file of the folder that is none of them is removed."""
    parser = argparse.ArgumentParser(prog="python -m dashboards", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    for made in (overview(), gateway(), services(), stores(), dead_letters()):
        text = json.dumps(made, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
        (folder / f"{made.uid}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
