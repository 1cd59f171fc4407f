"""S1 "first line" on the laboratory: real DHCP, IKEv2 and EAP, RADIUS and traffic, and the bill they come to."""

import os
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from rich.console import Console

from tests.lab.conftest import why_not
from trunkline.app.stories.fixture import load
from trunkline.app.stories.installation import throw_away
from trunkline.app.stories.laboratory import OCTETS_MIN, detail_records, laboratory, octets_of
from trunkline.app.stories.mutants import apply_mutant
from trunkline.app.stories.report import Report
from trunkline.app.stories.run import play_in
from trunkline_lab.home import Home

pytestmark = pytest.mark.lab
FIXTURE = load("S1")
START = FIXTURE.values["clock"]["start"].isoformat()
CENT = Decimal("0.01")


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


def test_S1_on_the_laboratory_bills_what_the_gateway_counted(network: Home, tmp_path: Path) -> None:
    told = report()
    with throw_away(START) as installation:
        assert play_in(installation, FIXTURE, told, tmp_path, home=network) == []
    figures = told.figures

    records = detail_records((network.node("noc") / "detail").read_text())
    kinds = [record["Acct-Status-Type"] for record in records]
    assert (kinds[0], kinds[-2:]) == ("Start", ["Stop", "Stop"])
    assert kinds.count("Interim-Update") >= 2
    assert len({record["Acct-Session-Id"] for record in records}) == 1
    octets = octets_of(records[-1])
    assert max(figures["traffic_octets"], OCTETS_MIN) <= octets == octets_of(records[-2]) == figures["usage_octets"]

    usage = (Decimal(octets) / 10**9 * Decimal("0.10")).quantize(CENT, ROUND_HALF_UP)
    net = Decimal("116.67") + usage
    assert usage >= CENT
    assert figures["net"] == str(net)
    assert figures["gross"] == str(net + (net * Decimal("0.19")).quantize(CENT, ROUND_HALF_UP))
    assert (figures["coa"], figures["disconnect"]) == ("acknowledged", "acknowledged")
    assert figures["disconnect_again"] != "acknowledged"
    assert figures["lease_address"].startswith("10.64.0.")
    assert figures["session_address"].startswith("100.64.1.")


def test_S1_on_the_laboratory_notices_a_record_that_counts_twice(network: Home, tmp_path: Path) -> None:
    with throw_away(START) as installation:
        mutant = apply_mutant(FIXTURE, "double_feeding")
        problems = play_in(installation, mutant, report(), tmp_path, home=network, check=False)
    assert {problem.partition(":")[0] for problem in problems} >= {"usage_octets", "net", "gross"}
