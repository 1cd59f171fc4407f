"""S1 "first line", whole: the figures of its fixture, its mutants, and kill -9 of anything at any moment."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.support.killer import Killer
from trunkline.app.stories.client import BILLS, USAGE, Refused
from trunkline.app.stories.fixture import load
from trunkline.app.stories.installation import Installation, throw_away
from trunkline.app.stories.report import Report
from trunkline.app.stories.run import play_in

FIXTURE = load("S1")
START = FIXTURE.values["clock"]["start"].isoformat()


@pytest.fixture
def installation() -> Iterator[Installation]:
    with throw_away(START) as running:
        yield running


@pytest.fixture
def report() -> Report:
    return Report(Console(quiet=True), FIXTURE.title, 9)


def test_S1_first_line_comes_to_the_figures_of_its_fixture_and_all_invariants_hold(
    installation: Installation, report: Report, tmp_path: Path
) -> None:
    assert play_in(installation, FIXTURE, report, tmp_path) == []
    assert (report.figures["net"], report.figures["tax"], report.figures["gross"]) == ("120.40", "22.88", "143.28")
    assert Path(report.figures["pdf"]).read_bytes().startswith(b"%PDF-")
    assert _dead_links(installation) == []


def _dead_links(installation: Installation) -> list[str]:
    """Links that lead nowhere: of the bill, its lines and their explanation, and of what those lead to."""
    operator = installation.operator()
    try:
        (bill,) = operator.get(f"{BILLS}/customerBill")
        lines = operator.get(f"{BILLS}/appliedCustomerBillingRate", **{"bill.id": bill["id"]})
        records = operator.get(f"{USAGE}/usage", limit="3")
        assert lines
        assert records
        todo = [bill["href"], f"/trunkline/v1/customerBill/{bill['id']}/explanation"]
        todo += [found["href"] for found in (*lines, *records)]
        seen: set[str] = set()
        dead = []
        while todo:
            path = todo.pop()
            if path in seen or len(seen) > 200:
                continue
            seen.add(path)
            try:
                found = operator.download(path)
                todo += [] if found.startswith(b"%PDF-") else _links(json.loads(found))
            except Refused as error:
                dead.append(f"{path}: {error}")
        assert len(seen) > 10
        return dead
    finally:
        operator.close()


def _links(found: Any) -> list[str]:
    if isinstance(found, list):
        return [link for item in found for link in _links(item)]
    if not isinstance(found, dict):
        return [found] if isinstance(found, str) and found.startswith(("/tmf-api/", "/trunkline/")) else []
    return [link for item in found.values() for link in _links(item)]


def test_S1_every_mutant_of_the_fixture_has_its_switch() -> None:
    assert set(FIXTURE.mutants) == {"proration", "activation_date", "double_feeding"}
    for mutant in FIXTURE.mutants.values():
        assert mutant.must_break in FIXTURE.expect
        assert mutant.values


@pytest.mark.parametrize("mutant", sorted(FIXTURE.mutants))
def test_S1_mutant_breaks_the_figure_that_its_rule_guards(
    mutant: str, installation: Installation, report: Report, tmp_path: Path
) -> None:
    problems = play_in(installation, FIXTURE.with_mutant(mutant), report, tmp_path, check=False)
    broken = {problem.partition(":")[0] for problem in problems}
    assert FIXTURE.mutants[mutant].must_break in broken
    assert {"net", "gross"} <= broken


def _play_under_fire(seed: int, kills: int, tmp_path: Path) -> list[str]:
    with throw_away(START) as installation:
        report = Report(Console(quiet=True), FIXTURE.title, 9)
        killer = Killer(installation, seed, kills)
        killer.start()
        problems = play_in(installation, FIXTURE, report, tmp_path, before_check=lambda: _quiet(killer))
        assert killer.killed, "nothing was killed: the test said nothing"
        return [f"{problem} (seed {seed}, killed {killer.killed})" for problem in problems]


def _quiet(killer: Killer) -> None:
    """The check looks at an installation at rest: stop killing, let it come back."""
    killer.stop()
    time.sleep(3)


@pytest.mark.parametrize("seed", range(5))
def test_S1_kill_9_at_random_moments_loses_and_doubles_nothing(seed: int, tmp_path: Path) -> None:
    assert _play_under_fire(seed, kills=4, tmp_path=tmp_path) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 200))
def test_S1_kill_9_a_hundred_times(seed: int, tmp_path: Path) -> None:
    assert _play_under_fire(seed, kills=6, tmp_path=tmp_path) == []
