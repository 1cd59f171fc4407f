"""A8, catalog as code: files that round-trip to the byte, a difference that is shown, all stored or nothing, and the reason kept."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner, Result

from trunkline.app.cli import main
from trunkline.app.cli.catalog import catalogs
from trunkline.kernel.clock import Clock
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.ids import new_id
from trunkline.kernel.tmf.document import Document
from trunkline.kernel.transfer import compare_tree, store_tree, write_tree

START = datetime(2026, 6, 1, 9, tzinfo=UTC)
FIBRE: dict[str, Document] = {
    "productSpecification/ps.json": {"@type": "ProductSpecification", "name": "Internet", "lifecycleStatus": "Active"},
    "productOfferingPrice/pop.json": {
        "@type": "ProductOfferingPrice",
        "name": "Monthly fee",
        "priceType": "recurring",
        "lifecycleStatus": "Active",
    },
    "productOffering/fibre 500.json": {
        "@type": "ProductOffering",
        "name": "Fibre 500",
        "lifecycleStatus": "Active",
        "productSpecification": {"id": "ps", "@type": "ProductSpecificationRef"},
        "productOfferingPrice": [{"id": "pop", "@type": "ProductOfferingPriceRef"}],
    },
}


@pytest_asyncio.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    opened = await Database.connect(database_dsn, clock=Clock())
    yield opened
    await opened.close()


def tenant(reason: str = "a test") -> Context:
    return Context(tenant=new_id(), actor="tester", channel="cli", now=START, correlation_id=new_id(), reason=reason)


def lay_out(folder: Path, files: dict[str, Document]) -> None:
    for name, document in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.json")}


def counts(stored: Any) -> tuple[int, int, int, int]:
    return stored.created, stored.changed, stored.unchanged, stored.deleted


async def test_A8_a_round_trip_yields_the_same_bytes_and_storing_again_changes_nothing(
    database: Database, tmp_path: Path
) -> None:
    test, live = tenant(), tenant("release 2026-07")
    lay_out(tmp_path / "given", FIBRE)
    assert counts(await store_tree(database, catalogs(), tmp_path / "given", test)) == (3, 0, 0, 0)
    assert await write_tree(database, catalogs(), tmp_path / "one", test) == (3, 0)
    assert sorted(content(tmp_path / "one")) == sorted(FIBRE)
    assert await write_tree(database, catalogs(), tmp_path / "one", test) == (0, 0)
    for outcome in ((3, 0, 0, 0), (0, 0, 3, 0)):
        assert counts(await store_tree(database, catalogs(), tmp_path / "one", live)) == outcome
    await write_tree(database, catalogs(), tmp_path / "two", live)
    assert content(tmp_path / "two") == content(tmp_path / "one")
    async with database.read() as session:
        assert await compare_tree(session, catalogs(), tmp_path / "one", live) == ([], [])
        kept = await session.fetch("select distinct reason from kernel.audit where tenant = $1", live.tenant)
    assert [row["reason"] for row in kept] == ["release 2026-07"]


async def test_A8_a_problem_in_one_file_leaves_all_as_it_was(database: Database, tmp_path: Path) -> None:
    context = tenant()
    broken = FIBRE | {
        "category/a.json": {"@type": "Category"},
        "category/b.json": {"@type": "Category", "name": "B", "id": "other"},
        "productOffering/fibre 500.json": FIBRE["productOffering/fibre 500.json"]
        | {"productSpecification": {"id": "nowhere", "@type": "ProductSpecificationRef"}},
    }
    lay_out(tmp_path, broken)
    stored = await store_tree(database, catalogs(), tmp_path, context)
    assert [(problem.path, problem.at) for problem in stored.problems] == [
        ("category/a.json", "$.name"),
        ("category/b.json", "$.id"),
        ("productOffering/fibre 500.json", "$.productSpecification.id"),
    ]
    async with database.read() as session:
        left = await session.fetch("select id from kernel.audit where tenant = $1", context.tenant)
        told = await session.fetch("select id from kernel.outbox where tenant = $1", context.tenant)
    assert (left, told) == ([], [])


async def test_A8_what_has_no_file_goes_only_when_asked_and_not_while_it_is_referred_to(
    database: Database, tmp_path: Path
) -> None:
    context = tenant()
    lay_out(tmp_path, FIBRE)
    await store_tree(database, catalogs(), tmp_path, context)
    (tmp_path / "productOfferingPrice/pop.json").unlink()
    assert counts(await store_tree(database, catalogs(), tmp_path, context)) == (0, 0, 2, 0)
    refused = await store_tree(database, catalogs(), tmp_path, context, delete=True)
    assert [problem.path for problem in refused.problems] == ["productOfferingPrice/pop.json"]
    (tmp_path / "productOffering/fibre 500.json").unlink()
    tried = await store_tree(database, catalogs(), tmp_path, context, delete=True, dry_run=True)
    assert counts(tried) == (0, 0, 1, 2)
    async with database.read() as session:
        differences, _ = await compare_tree(session, catalogs(), tmp_path, context)
    assert [difference.path for difference in differences] == [
        "productOfferingPrice/pop.json",
        "productOffering/fibre 500.json",
    ]
    assert counts(await store_tree(database, catalogs(), tmp_path, context, delete=True)) == (0, 0, 1, 2)
    assert await write_tree(database, catalogs(), tmp_path, context) == (1, 0)  # in its own form now


@pytest.fixture
def dsn(own_database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TRUNKLINE_DATABASE_URL", own_database_dsn)
    monkeypatch.setenv("TRUNKLINE_HOME", str(tmp_path))
    return own_database_dsn


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ("catalog", *words))


def test_A8_the_command_line_writes_compares_and_stores(dsn: str, tmp_path: Path) -> None:
    files = tmp_path / "catalog"
    lay_out(files, FIBRE)
    assert run("diff", str(files), "--names").output.splitlines() == [
        "+ productSpecification/ps.json",
        "+ productOfferingPrice/pop.json",
        "+ productOffering/fibre 500.json",
    ]
    assert run("store", str(files)).output == "created 3 + changed 0 + unchanged 0\n"
    same = run("diff", str(files))
    assert (same.exit_code, same.output) == (0, "No difference.\n")
    assert run("write", str(files)).output == f"{files}: 3 files written, 0 removed\n"
    price = files / "productOfferingPrice/pop.json"
    price.write_text(price.read_text().replace("Monthly fee", "Fee of a month"))
    different = run("diff", str(files))
    assert different.exit_code == 1
    assert [line for line in different.output.splitlines() if line.startswith(("+ ", "- "))] == [
        '-  "name": "Monthly fee",',
        '+  "name": "Fee of a month",',
    ]
    assert run("store", str(files), "--dry-run").output.splitlines()[-1] == "That was a dry run: nothing was stored."
    assert run("store", str(files)).output == "created 0 + changed 1 + unchanged 2\n"
    price.write_text("{")
    refused = run("store", str(files))
    assert refused.exit_code == 1
    assert "productOfferingPrice/pop.json $: The body is not JSON." in refused.output
    assert refused.output.splitlines()[-1] == "Nothing was stored."
