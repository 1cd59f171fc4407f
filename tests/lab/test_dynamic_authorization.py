"""Disconnect and CoA (RFC 5176) from the product's adapter to a real access gateway, with real sessions on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.conftest import Laboratory
from trunkline.adapters.radius.dynamic_authorization import DynamicAuthorization, SessionName
from trunkline.adapters.radius.nas import AccessServers
from trunkline.kernel.errors import Unavailable
from trunkline_lab import bng, control, cpe, topology
from trunkline_lab.home import Home
from trunkline_lab.stand_in import StandIn

pytestmark = pytest.mark.lab
ALICE, BOB = SessionName(user_name="alice"), SessionName(user_name="bob@example.net")


@pytest.fixture
def noc(laboratory: Laboratory) -> Iterator[Home]:
    """This thread's network is the NOC's, from where the gateway takes requests."""
    with control.inside("noc", home=laboratory.home):
        yield laboratory.home


def client(folder: Path, secret: str = topology.RADIUS_SECRET, timeout_s: int = 3) -> DynamicAuthorization:
    """Of the gateway, as an installation's list of access servers names it."""
    file = folder / "radius.toml"
    file.touch(mode=0o600)
    address = topology.ROUTERS["bng"].management
    file.write_text(f'[[nas]]\nname = "bng"\naddress = "{address}"\nport = {topology.COA_PORT}\nsecret = "{secret}"\n')
    return DynamicAuthorization(AccessServers.of_home(folder).get("bng"), timeout_s=timeout_s, tries=1)


def dial_in(platform: StandIn, home: Home, who: SessionName, gateway: str = "cpe1") -> None:
    cpe.connect(who.user_name, platform.subscribers[who.user_name].password, gateway=gateway, home=home)
    platform.wait_for("start", lambda: platform.of(who.user_name, "Start"))


def users(home: Home) -> set[str]:
    """Who has a session, as the gateway sees it."""
    return {session.user for session in bng.sessions(home=home)}


async def test_disconnect_ends_the_ikev2_session_on_both_sides_and_only_that(
    noc: Home, platform: StandIn, tmp_path: Path
) -> None:
    dial_in(platform, noc, ALICE)
    dial_in(platform, noc, BOB, "cpe2")
    assert users(noc) == {"alice", "bob@example.net"}
    access = client(tmp_path)

    assert not (await access.disconnect(SessionName(user_name="nobody"))).acknowledged
    assert users(noc) == {"alice", "bob@example.net"}

    assert (await access.disconnect(ALICE)).acknowledged
    platform.wait_for("end at the gateway", lambda: users(noc) == {"bob@example.net"})
    platform.wait_for("end at the home", lambda: not cpe.is_connected(home=noc))
    (stop,) = platform.wait_for("stop", lambda: platform.of("alice", "Stop"))
    assert stop.get("Acct-Session-Id") == platform.of("alice", "Start")[0].get("Acct-Session-Id")
    assert platform.of("bob@example.net", "Stop") == []
    assert cpe.is_connected(gateway="cpe2", home=noc)

    again = await access.disconnect(ALICE)
    assert (again.acknowledged, again.error_cause) == (False, None)  # strongSwan gives no cause
    dial_in(platform, noc, ALICE)
    assert users(noc) == {"alice", "bob@example.net"}


async def test_coa_changes_the_running_session_which_goes_on(noc: Home, platform: StandIn, tmp_path: Path) -> None:
    dial_in(platform, noc, ALICE)
    (before,) = bng.sessions(home=noc)
    assert before.seconds_left is not None
    assert 1800 < before.seconds_left <= 3600  # what the stand-in answers
    access = client(tmp_path)

    assert (await access.change(ALICE, {"Session-Timeout": ["1800"]})).acknowledged
    (after,) = bng.sessions(home=noc)
    assert after.seconds_left is not None
    assert 1700 < after.seconds_left <= 1800
    assert not (await access.change(SessionName(user_name="nobody"), {"Session-Timeout": ["60"]})).acknowledged

    assert cpe.download(octets=100_000, home=noc).octets >= 100_000
    assert len(platform.of("alice", "Start")) == 1
    assert platform.of("alice", "Stop") == []


async def test_a_request_with_a_wrong_secret_is_not_heard(noc: Home, platform: StandIn, tmp_path: Path) -> None:
    dial_in(platform, noc, ALICE)
    with pytest.raises(Unavailable, match="does not answer"):
        await client(tmp_path, secret="not the secret", timeout_s=1).disconnect(ALICE)
    assert users(noc) == {"alice"}
    assert cpe.is_connected(home=noc)
