"""What the import rules of .importlinter cannot say: which modules of a domain others may use, and how modules are named."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "trunkline"
PUBLIC = {"contracts", "entities", "resources", "facade", "events", "errors", "ports"}
"""From outside, a domain is these modules (ARCHITECTURE.md)."""
FOR_THE_COMPOSITION_ROOT = PUBLIC | {"api", "jobs", "steps", "subscribers", "tables"}
"""What `app` joins together besides."""
OPENED = {
    "trunkline.bss.usage.model.accounting": "dates as FreeRADIUS writes them: one reader for records and for detail files",
    "trunkline.oss.activation.aaa": "the access network's records, as large a surface as a facade of its own",
    "trunkline.oss.activation.sealing": "keys of the access network, loaded by the processes that need them",
}
"""Modules used from outside all the same, each with the reason. The list may shrink; a name not needed fails."""
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc", "extras"}
EXACT = ("kernel/money.py", "kernel/quantity.py", "bss/rating", "bss/balance", "bss/billing", "bss/usage/model")
"""Where money, quantities and rates are computed."""


def _domain(module: str) -> str | None:
    parts = module.split(".")
    return ".".join(parts[:3]) if len(parts) > 2 and parts[1] in {"bss", "oss"} else None


def _foreign_imports() -> Iterator[tuple[str, str]]:
    """(importer, imported) wherever a module reaches into a domain that it is not part of, past its public modules."""
    graph = grimp.build_graph("trunkline", cache_dir=None)
    for importer in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            domain = _domain(imported)
            if domain is None or _domain(importer) == domain or imported == domain:
                continue
            allowed = FOR_THE_COMPOSITION_ROOT if importer.startswith("trunkline.app.") else PUBLIC
            if imported.split(".")[3] not in allowed:
                yield importer, imported


def test_a_domain_is_used_through_its_public_modules_only() -> None:
    found = list(_foreign_imports())
    assert [pair for pair in found if pair[1] not in OPENED] == []
    assert set(OPENED) - {imported for _, imported in found} == set(), "no longer needed: take it off the list"


def test_the_import_rules_hold() -> None:
    words = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:]


def _modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def test_no_module_has_a_name_that_attracts_everything() -> None:
    found = {part for path in _modules() for part in (*path.relative_to(SOURCE).parts[:-1], path.stem)}
    assert found & VAGUE == set()


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT)) for path in _modules() if ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert silent == []


def test_no_package_is_empty() -> None:
    empty = [
        str(path.parent.relative_to(ROOT))
        for path in SOURCE.rglob("__init__.py")
        if not any(sibling != path and sibling.name != "__pycache__" for sibling in path.parent.iterdir())
    ]
    assert empty == []


@pytest.mark.parametrize("place", EXACT)
def test_no_float_where_money_and_quantities_are_computed(place: str) -> None:
    path = SOURCE / place
    if not path.exists():
        assert place not in {"kernel/money.py", "kernel/quantity.py"}
        return
    files = [path] if path.is_file() else sorted(path.rglob("*.py"))
    assert [f"{file.relative_to(ROOT)}:{line}" for file in files for line in _floats(ast.parse(file.read_text()))] == []


def _floats(tree: ast.AST) -> Iterator[int]:
    """Lines that use a float; asking whether something is one, to refuse it, does not count."""
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "isinstance":
        return
    if (isinstance(tree, ast.Name) and tree.id == "float") or (
        isinstance(tree, ast.Constant) and isinstance(tree.value, float)
    ):
        yield tree.lineno
    for node in ast.iter_child_nodes(tree):
        yield from _floats(node)


BESIDE_THE_REQUEST = {
    "kernel/security/api.py": "a failed log-in is counted although it is refused; a log-out is a DELETE",
    "kernel/telemetry/api.py": "reads for /metrics and /health",
    "kernel/tmf/stream_router.py": "reads on long after the answer has begun",
}
"""Modules whose endpoints hand the whole database on, each with the reason."""


def test_endpoints_change_things_in_their_requests_unit_of_work_only() -> None:
    """`call.unit_of_work()` joins the transaction of an Idempotency-Key; a unit of the database would not."""
    frame = {"kernel/web/endpoint.py", "kernel/idempotency/edge.py"}
    beside = {
        str(path.relative_to(SOURCE)) for path in _modules() if _hands_the_database_on(ast.parse(path.read_text()))
    }
    assert beside - frame == set(BESIDE_THE_REQUEST)


def _hands_the_database_on(module: ast.Module) -> bool:
    """Whether `call.database` stands anywhere but in `call.database.read` and `call.database.clock`."""
    nodes = list(ast.walk(module))
    harmless = {id(node.value) for node in nodes if isinstance(node, ast.Attribute) and node.attr in ("read", "clock")}
    return any(_is_database_of_a_call(node) and id(node) not in harmless for node in nodes)


def _is_database_of_a_call(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "database"
        and isinstance(node.value, ast.Name)
        and node.value.id == "call"
    )
