"""`trunkline check` and `trunkline clock`: what they print, how they end, and what they say when they are refused."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner, Result

from tests.domain.check_scene import Line
from trunkline.app.cli import main
from trunkline.flows.reconcile.entitlement import ENTITLED
from trunkline.kernel.clock import YEARS_MAX
from trunkline.kernel.db import Database

_T = TypeVar("_T")


class Place:
    """An installation as the command line sees it."""

    def __init__(self, dsn: str, home: Path) -> None:
        self.dsn, self.home = dsn, home

    def do(self, work: Callable[[Database], Awaitable[_T]]) -> _T:
        async def carry_out() -> _T:
            database = await Database.connect(self.dsn)
            try:
                return await work(database)
            finally:
                await database.close()

        return asyncio.run(carry_out())

    def line(self) -> Line:
        """A tenant with a line that works."""
        return self.do(lambda database: Line.make(database, self.home))

    def seed(self, line: Line, statement: str) -> None:
        async def carry_out(database: Database) -> None:
            line.database = database
            await line.seed(statement)

        self.do(carry_out)


def installed(dsn: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name, value in (
        ("TRUNKLINE_DATABASE_URL", dsn),
        ("TRUNKLINE_HOME", str(home)),
        ("TRUNKLINE_MODE", "demo"),
        ("COLUMNS", "240"),
    ):
        monkeypatch.setenv(name, value)
    return Place(dsn, home)


@pytest.fixture
def place(database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """For what changes nothing."""
    return installed(database_dsn, tmp_path, monkeypatch)


@pytest.fixture
def own_place(own_database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """For what looks at all tenants, or moves the clock of all."""
    return installed(own_database_dsn, tmp_path, monkeypatch)


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def answer(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


# check -----------------------------------------------------------------------------------------------------------------


def test_an_installation_in_order_passes_rule_by_rule(own_place: Place) -> None:
    line = own_place.line()
    result = run("check", "--json")
    assert result.exit_code == 0, result.output
    said = answer(result)
    assert (said["passed"], said["findings"]) == (True, [])
    assert {(rule["tenant"], rule["found"]) for rule in said["rules"]} == {(line.tenant, 0)}
    numbers = {number for rule in said["rules"] for number in rule["invariants"].split(", ")}
    assert numbers == {"1", "2", "3", "4", "5", "6", "8", "12", "18"}
    shown = run("check").stdout
    assert f"tenant {line.tenant}" in shown
    assert shown.count("✓") == len(said["rules"])


def test_a_difference_ends_with_1_and_is_named_for_people_and_programs(own_place: Place) -> None:
    line, other = own_place.line(), own_place.line()
    own_place.seed(line, "delete from activation.aaa_subscriber where tenant = $1")
    result = run("check", "--json")
    assert result.exit_code == 1
    subject = f"AAA subscriber {line.ids['user']}"
    finding = {"invariant": 3, "rule": ENTITLED, "subject": subject, "expected": "active", "found": "none"}
    assert answer(result)["findings"] == [{"tenant": line.tenant, **finding}]
    shown = run("check", "--tenant", line.tenant)
    assert shown.exit_code == 1
    assert f"✗ 3: {ENTITLED}: {subject}\n    expected active\n    found    none" in shown.stdout
    assert run("check", "--tenant", other.tenant).exit_code == 0


def test_an_unknown_tenant_is_refused_with_those_there_are(own_place: Place) -> None:
    line = own_place.line()
    refused = run("check", "--tenant", "nope")
    assert refused.exit_code == 1
    assert refused.output == f"Error: There is no tenant nope. Allowed: {line.tenant}.\n"


def test_a_negative_number_of_events_is_refused(place: Place) -> None:
    refused = run("check", "--redeliver", "-1")
    assert refused.exit_code == 2
    assert "Invalid value for '--redeliver'" in refused.output


@pytest.mark.parametrize(
    "words", [("check",), ("clock", "move", "2126-07-01T06:00:00Z"), ("usage", "suspense", "list")]
)
def test_a_database_without_a_schema_is_said(
    place: Place, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    name = place.dsn.split("?")[0].rpartition("/")[2]
    monkeypatch.setenv("TRUNKLINE_DATABASE_URL", place.dsn.replace(name, "postgres"))
    refused = run(*words)
    assert refused.exit_code == 1
    assert "Run `trunkline up`, or `trunkline db upgrade` on a database of your own." in refused.output


# clock -----------------------------------------------------------------------------------------------------------------


def test_the_clock_is_shown_and_moved(own_place: Place) -> None:
    assert run("clock", "show").stdout.endswith("(0:00:00 ahead of the machine)\n")
    target = (datetime.now(UTC) + timedelta(days=10)).replace(microsecond=0)
    moved = run("clock", "move", target.isoformat())
    assert (moved.exit_code, moved.output) == (0, "")
    shown = datetime.fromisoformat(run("clock", "show").stdout.split()[0])
    assert timedelta(0) <= shown - target < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("instant", "code", "said"),
    [
        ("tomorrow", 2, "Invalid value for INSTANT: an instant reads 2026-07-01T06:00:00+02:00"),
        ("2126-07-01T06:00:00", 1, "An instant needs a time zone. Write it as 2026-07-01T06:00:00+02:00."),
        (
            "2026-01-01T00:00:00Z",
            1,
            "has passed. Name a later instant, or begin a new installation at the one you want (TRUNKLINE_CLOCK_START).",
        ),
        ("0001-01-01T00:00:00+14:00", 1, "The clock only moves forward."),
        (
            "9999-12-31T23:59:59-12:00",
            1,
            f"The clock moves at most {YEARS_MAX} years at once. It never moves back: check the year.",
        ),
    ],
)
def test_a_move_that_cannot_be_is_refused_and_the_clock_stays(place: Place, instant: str, code: int, said: str) -> None:
    refused = run("clock", "move", "--", instant)
    assert refused.exit_code == code
    assert said in refused.output
    assert isinstance(refused.exception, SystemExit)
    assert run("clock", "show").stdout.endswith("(0:00:00 ahead of the machine)\n")


def test_the_clock_of_a_production_installation_is_not_moved(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_MODE", "production")
    refused = run("clock", "move", "2126-07-01T06:00:00Z")
    assert refused.exit_code == 1
    assert refused.output == (
        "Error: The clock of a production installation is not moved. Use an installation with TRUNKLINE_MODE=demo.\n"
    )
