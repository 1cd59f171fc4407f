"""python -m tools.entities [--contracts FOLDER] [--check]"""

import argparse
import os
import sys
from pathlib import Path

from tools.entities.plan import SHARED, Planner, read_table
from tools.entities.render import render

ROOT = Path(__file__).resolve().parents[2]


def contracts_folder() -> Path:
    """Where the contracts are: below $TRUNKLINE_SHARED, by default `shared` beside the project."""
    return Path(os.environ.get("TRUNKLINE_SHARED") or ROOT.parent / "shared") / "tmf"


def generated(contracts: Path) -> dict[Path, str]:
    """Every generated file, by its path below the project, with the text it should have."""
    modules = Planner(contracts, read_table()).modules()
    return {_path(module.name): render(module, modules[0]) for module in modules}


def _path(module: str) -> Path:
    name = "types.py" if module == SHARED else "entities.py"
    return Path("src", "trunkline", *module.split("."), name)


def main() -> int:
    """Write the files, or with --check name those that differ. Exit code 1 when any differs or the contracts are missing."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.entities", description="Generate the entities from the contracts"
    )
    parser.add_argument("--contracts", type=Path, default=contracts_folder(), help="folder of the contract files")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is not as generated")
    arguments = parser.parse_args()
    if not arguments.contracts.is_dir():
        print(f"There are no contracts in {arguments.contracts}; name their folder with --contracts.", file=sys.stderr)
        return 1
    texts = generated(arguments.contracts)
    stale = [
        path for path, text in texts.items() if not (ROOT / path).is_file() or (ROOT / path).read_text("utf-8") != text
    ]
    for path in stale:
        if not arguments.check:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(texts[path], "utf-8")
        print(f"{'differs from the contracts' if arguments.check else 'written'}: {path}")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
