"""`trunkline export` and `trunkline import`, as people call them."""

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from trunkline.app.cli import main
from trunkline.kernel.db import Database
from trunkline.kernel.tmf.document import encode


@pytest.fixture
def dsn(own_database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TRUNKLINE_DATABASE_URL", own_database_dsn)
    monkeypatch.setenv("TRUNKLINE_HOME", str(tmp_path))
    monkeypatch.setenv("TRUNKLINE_TENANT", "north")
    return own_database_dsn


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def people(path: Path, count: int) -> None:
    rows = ({"id": f"p-{n}", "familyName": f"Line {n}", "givenName": "Ada"} for n in range(count))
    path.write_bytes(b"".join(encode(row) + b"\n" for row in rows))


def summed(result: Result) -> str:
    return next(line for line in result.output.splitlines() if line.startswith("read ")).rsplit("  ", 1)[0]


def test_what_is_exported_is_imported_again_and_nothing_changes(dsn: str, tmp_path: Path) -> None:
    source = tmp_path / "people.ndjson"
    people(source, 3)
    tried = run("import", "individual", str(source), "--dry-run")
    assert "That was a dry run: nothing was stored." in tried.output
    for outcome in ("created 3 + changed 0 + unchanged 0", "created 0 + changed 0 + unchanged 3"):
        assert summed(run("import", "individual", str(source))) == f"read 3 = {outcome} + refused 0"
    for name in ("out.csv", "out.ndjson", "out.csv.gz", "out.ndjson.gz"):
        exported = run("export", "individual", "-o", str(tmp_path / name))
        assert exported.output == f"3 individual records → {tmp_path / name}\n"
        again = run("import", "individual", str(tmp_path / name))
        assert summed(again) == "read 3 = created 0 + changed 0 + unchanged 3 + refused 0", name
    printed = run("export", "individual", "--where", "familyName=Line 1")
    assert json.loads(printed.stdout)["id"] == "p-1"
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("damage", [lambda octets: octets[:-20], lambda octets: b"no gzip" + octets])
def test_a_damaged_packed_file_is_refused_and_the_mended_one_is_taken_over(
    dsn: str, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    source, packed = tmp_path / "people.ndjson", tmp_path / "people.ndjson.gz"
    people(source, 3)
    whole = gzip.compress(source.read_bytes())
    packed.write_bytes(damage(whole))
    refused = run("import", "individual", str(packed))
    assert refused.exit_code == 1
    assert "The packed file cannot be read to its end" in refused.output
    packed.write_bytes(whole)
    assert summed(run("import", "individual", str(packed))).startswith("read 3 = ")


def test_refused_rows_go_to_a_file_and_the_status_says_so(dsn: str, tmp_path: Path) -> None:
    source, errors = tmp_path / "people.csv", tmp_path / "people.csv.errors.ndjson"
    source.write_text("id,familyName,givenName\np-1,Line,Ada\np-2,Line,\n")
    refused = run("import", "individual", str(source))
    assert refused.exit_code == 1
    assert f"refused rows, with their reasons → {errors}" in refused.output
    told = [json.loads(line) for line in errors.read_text().splitlines()]
    assert told == [
        {
            "line": 3,
            "code": "missingAttribute",
            "reason": "givenName is mandatory.",
            "path": "$.givenName",
            "row": "p-2,Line,",
        }
    ]


@pytest.mark.parametrize("words", [("export", "indivdual"), ("import", "indivdual", __file__)])
def test_an_unknown_resource_is_named_with_the_nearest(dsn: str, words: tuple[str, ...]) -> None:
    refused = run(*words)
    assert refused.exit_code == 1
    assert "There is no resource 'indivdual'. Did you mean individual" in refused.output


def test_an_import_killed_in_the_middle_goes_on(dsn: str, tmp_path: Path) -> None:
    source = tmp_path / "people.ndjson"
    people(source, 6_000)

    async def stored() -> int:
        database = await Database.connect(dsn, max_size=1)
        try:
            async with database.read() as session:
                return int(await session.fetch_value("select count(*) from party.individual where tenant = 'north'"))
        finally:
            await database.close()

    command = [sys.executable, "-m", "trunkline", "import", "individual", str(source)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ.copy())
    deadline = time.monotonic() + 60
    while not (before := asyncio.run(stored())):
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    before = asyncio.run(stored())
    assert 0 < before < 6_000
    again = run("import", "individual", str(source))
    assert f"gone on after line {before:,}," in again.output
    assert (
        summed(again) == f"read {6_000 - before:,} = created {6_000 - before:,} + changed 0 + unchanged 0 + refused 0"
    )
    assert asyncio.run(stored()) == 6_000
