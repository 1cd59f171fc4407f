"""What is served does as the TM Forum's contracts say: the contract checker finds nothing that is not known."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.conformance.outcome import Outcome
from tools.conformance.report import Known, read_known, surprises
from tools.conformance.run import check
from trunkline.app.stories.installation import Installation, throw_away


@pytest.fixture(scope="module")
def running() -> Iterator[Installation]:
    with throw_away("2026-06-01T00:00:00+02:00") as installation:
        yield installation


@pytest.fixture(scope="module")
def contracts(shared_folder: Path) -> Path:
    return shared_folder / "tmf"


def outcomes(running: Installation, contracts: Path, *apis: str) -> list[Outcome]:
    key = (running.home / "operator.key").read_text("utf-8").strip()
    return check(running.url, key, contracts, apis).outcomes


@pytest.mark.parametrize("api", ["TMF620v5", pytest.param("TMF632v4", marks=pytest.mark.long)])
def test_an_api_does_as_its_contract_says(running: Installation, contracts: Path, api: str) -> None:
    found = outcomes(running, contracts, api)
    assert sum(outcome.verdict == "passed" for outcome in found) > 90
    assert [f"{one.label}: {one.detail}" for one in surprises(found, read_known())[0]] == []


@pytest.mark.long
def test_all_apis_do_as_their_contracts_say(running: Installation, contracts: Path) -> None:
    found = outcomes(running, contracts)
    fresh, healed = surprises(found, read_known())
    assert [f"{one.label}: {one.detail}" for one in fresh] == []
    assert [str(one) for one in healed] == []
    assert sum(outcome.verdict == "passed" for outcome in found) > 7_500


def test_what_was_not_known_and_what_has_healed_are_told() -> None:
    bad = Outcome(api="TMF620", generation=5, resource="category", rule="sort", verdict="failed", detail="x is not y")
    good = Outcome(api="TMF620", generation=5, resource="category", rule="list", verdict="passed")
    about = Known(api="TMF620v5", rule="sort", said="x is*", why="why")
    other = Known(api="TMF620v4", why="why not")
    assert surprises([bad, good], []) == ([bad], [])
    assert surprises([bad, good], [about, other]) == ([], [other])
