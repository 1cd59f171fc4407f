"""python -m tools.entities [--contracts FOLDER] [--check]"""

import argparse
import os
import sys
from pathlib import Path

from tools.entities.plan import SHARED, Module, Planner, read_table
from tools.entities.render import render

ROOT = Path(__file__).resolve().parents[2]


def contracts_folder() -> Path:
    """Where the contracts are: below $TRUNKLINE_SHARED, by default `shared` beside the project."""
    return Path(os.environ.get("TRUNKLINE_SHARED") or ROOT.parent / "shared") / "tmf"


def generated(modules: list[Module]) -> dict[Path, str]:
    """Every generated file, by its path below the project, with the text it should have."""
    return {_path(module.name): render(module, modules[0]) for module in modules}


def _path(module: str) -> Path:
    name = "types.py" if module == SHARED else "entities.py"
    return Path("src", "trunkline", *module.split("."), name)


def stale(texts: dict[Path, str], root: Path) -> list[Path]:
    """Those of the files below `root` that are missing or not as generated."""
    return [
        path for path, text in texts.items() if not (root / path).is_file() or (root / path).read_text("utf-8") != text
    ]


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
    texts = generated(Planner(arguments.contracts, read_table()).modules())
    differing = stale(texts, ROOT)
    for path in differing:
        if not arguments.check:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(texts[path], "utf-8")
        print(f"{'differs from the contracts' if arguments.check else 'written'}: {path}")
    return 1 if arguments.check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
