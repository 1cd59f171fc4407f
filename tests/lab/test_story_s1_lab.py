"""S1 "first line" on the laboratory: real DHCP, IKEv2 and EAP, RADIUS and traffic, and the bill they come to."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from tests.lab.conftest import why_not
from trunkline.app.stories.detail import detail_records, octets_of, without_repetitions
from trunkline.app.stories.fixture import load
from trunkline.app.stories.laboratory import installation_beside, laboratory
from trunkline.app.stories.report import Report
from trunkline.app.stories.run import play_in
from trunkline_lab.home import Home

pytestmark = pytest.mark.lab
FIXTURE = load("S1")
START = FIXTURE.values["clock"]["start"].isoformat()


@pytest.fixture(scope="module")
def network() -> Iterator[Home]:
    """A laboratory of the story's own, in whose NOC this thread and what it starts live."""
    reason = why_not()
    if reason and os.environ.get("CI"):
        pytest.fail(f"CI must run the laboratory: {reason}")
    if reason:
        pytest.skip(reason)
    with laboratory(lambda _line: None) as home:
        yield home


def report() -> Report:
    return Report(Console(quiet=True), FIXTURE.title, 9)


def test_S1_on_the_laboratory_comes_to_the_figures_of_its_fixture(network: Home, tmp_path: Path) -> None:
    told = report()
    detail = network.node("noc") / "detail"
    with installation_beside(network, START) as installation:
        assert play_in(installation, FIXTURE, told, tmp_path, home=network) == []
        records = detail_records(detail.read_text())
        fed = installation.command("usage", "import", "--detail", str(detail))
        assert f"{len(records)} were known already" in fed.stdout, fed.stdout + fed.stderr
        assert "in 0 = " in fed.stdout, "what came over REST counts once, also out of FreeRADIUS' own file"
    figures = told.figures
    assert (figures["net"], figures["tax"], figures["gross"]) == ("120.40", "22.88", "143.28")

    once = without_repetitions(records)
    kinds = Counter(record["Acct-Status-Type"] for record in once)
    assert (kinds["Start"], kinds["Stop"]) == (1, 1)
    assert kinds["Interim-Update"] >= 2
    assert len({record["Acct-Session-Id"] for record in records}) == 1
    assert len(records) >= len(once) + 3, "a record of each kind was sent again"
    assert figures["session_records"] == kinds
    assert figures["traffic_octets"] <= octets_of(once[-1]) == figures["session_octets"]
    assert (figures["coa"], figures["disconnect"]) == ("acknowledged", "acknowledged")
    assert figures["disconnect_again"] != "acknowledged"
    assert figures["lease_address"].startswith("10.64.0.")
    assert figures["session_address"].startswith("100.64.1.")


@pytest.mark.long
def test_S1_on_the_laboratory_notices_a_record_that_counts_twice(network: Home, tmp_path: Path) -> None:
    mutant = FIXTURE.with_mutant("double_feeding")
    with installation_beside(network, START) as installation:
        problems = play_in(installation, mutant, report(), tmp_path, home=network, check=False)
    broken = {problem.partition(":")[0] for problem in problems}
    assert broken >= {"session_octets", "session_octets_billed", "session_records", "usage_octets", "net", "gross"}
