"""Subscribers of the laboratory: sessions, accounting, disconnection, rates, and a gateway that crashes."""

import json
import time
from itertools import pairwise
from typing import Any

import pytest

from tests.lab.conftest import API_PASSWORD, Laboratory
from trunkline_lab import bng, cpe, enter, topology
from trunkline_lab.errors import SessionRefused
from trunkline_lab.stand_in import Arrival, StandIn

pytestmark = pytest.mark.lab

BOB = "bob@example.net"


def connect(laboratory: Laboratory, platform: StandIn, user: str, gateway: str = "cpe1") -> cpe.Session:
    return cpe.connect(user, platform.subscribers[user].password, gateway=gateway, home=laboratory.home)


def total(arrival: Arrival) -> int:
    return int(arrival.get("Acct-Output-Octets")) + int(arrival.get("Acct-Input-Octets"))


def test_a_session_is_accounted_from_start_to_stop(laboratory: Laboratory, platform: StandIn) -> None:
    home = laboratory.home
    bng.set_rate("alice", "20mbit", home=home)
    session = connect(laboratory, platform, "alice")
    assert session.virtual_address == "100.64.1.10"
    assert session.lease_address.startswith("10.64.0.")
    platform.wait_for("start", lambda: platform.of("alice", "Start"))
    fetched = cpe.download(octets=8_000_000, home=home)
    assert fetched.octets >= 8_000_000
    assert 4 < fetched.megabits_per_second < 22

    interims = platform.wait_for(
        "interim with all of the download",
        lambda: [
            arrival
            for arrival in platform.of("alice", "Interim-Update")
            if int(arrival.get("Acct-Output-Octets")) > fetched.octets
        ],
    )
    cpe.upload(octets=2_000_000, home=home)
    cpe.disconnect(home=home)
    (stop,) = platform.wait_for("stop", lambda: platform.of("alice", "Stop"))

    records = [*platform.of("alice", "Interim-Update"), stop]
    assert all(total(a) <= total(b) for a, b in pairwise(records))
    assert int(stop.get("Acct-Input-Octets")) > int(interims[0].get("Acct-Input-Octets"))
    assert fetched.octets < int(stop.get("Acct-Output-Octets")) < fetched.octets * 1.15 + 1_000_000
    # One session, told of by the gateway in the standard's names; Class comes back as it was given.
    sessions = {arrival.get("Acct-Session-Id") for arrival in platform.of("alice")}
    assert len(sessions) == 1
    for name, value in (
        ("Framed-IP-Address", "100.64.1.10"),
        ("NAS-Identifier", "bng"),
        ("Class", "0x" + b"BB20".hex()),
        ("Acct-Terminate-Cause", "User-Request"),
    ):
        assert stop.get(name) == value
    detail = (home.node("noc") / "detail").read_text()
    assert detail.count(f'Acct-Session-Id = "{sessions.pop()}"') == len(platform.of("alice"))


def test_the_dhcp_server_tells_its_leases_by_rest(laboratory: Laboratory, platform: StandIn) -> None:
    session = connect(laboratory, platform, "alice")
    question = json.dumps({"command": "lease4-get-all", "service": ["dhcp4"]})
    curl = ["curl", "-s", "-H", "Content-Type: application/json", "-d", question, laboratory.status.kea]
    (answer,) = json.loads(enter.run("noc", curl, home=laboratory.home).stdout)
    leases = {lease["hw-address"]: lease["ip-address"] for lease in answer["arguments"]["leases"]}
    assert leases[topology.mac_address("cpe1")] == session.lease_address


def test_freeradius_shows_its_key(laboratory: Laboratory, platform: StandIn) -> None:
    connect(laboratory, platform, "alice")
    platform.wait_for("start", lambda: platform.of("alice", "Start"))
    assert platform.authorizations
    assert platform.unauthenticated == 0


def test_a_wrong_key_lets_nobody_in(laboratory: Laboratory, platform: StandIn) -> None:
    platform.credentials = ("key-1", API_PASSWORD + "x")
    with pytest.raises(SessionRefused):
        connect(laboratory, platform, "alice")
    assert platform.unauthenticated > 0
    assert platform.arrivals == []


def test_wrong_password_and_unknown_user_are_refused(laboratory: Laboratory, platform: StandIn) -> None:
    begun = time.monotonic()
    with pytest.raises(SessionRefused, match="alice"):
        cpe.connect("alice", "wrong", home=laboratory.home)
    with pytest.raises(SessionRefused, match="mallory"):
        cpe.connect("mallory", "wrong", home=laboratory.home)
    assert time.monotonic() - begun < 10, "refused, not timed out"
    assert {body["User-Name"]["value"][0] for body in platform.authorizations} == {"alice", "mallory"}
    assert platform.arrivals == []
    assert not cpe.is_connected(home=laboratory.home)


def test_disconnect_request_ends_the_session(laboratory: Laboratory, platform: StandIn) -> None:
    connect(laboratory, platform, "alice")
    platform.wait_for("start", lambda: platform.of("alice", "Start"))
    assert not bng.disconnect("nobody", home=laboratory.home)
    assert platform.of("alice", "Stop") == []
    assert bng.disconnect("alice", home=laboratory.home)
    platform.wait_for("stop", lambda: platform.of("alice", "Stop"))
    platform.wait_for("end at the home gateway", lambda: not cpe.is_connected(home=laboratory.home))


def test_a_session_timeout_is_changed_while_the_session_lives(laboratory: Laboratory, platform: StandIn) -> None:
    connect(laboratory, platform, "alice")
    platform.wait_for("start", lambda: platform.of("alice", "Start"))
    assert bng.change_session_timeout("alice", 1800, home=laboratory.home)
    assert not bng.change_session_timeout("nobody", 1800, home=laboratory.home)
    assert cpe.is_connected(home=laboratory.home)


def test_a_record_the_platform_refuses_is_repeated_unchanged(laboratory: Laboratory, platform: StandIn) -> None:
    refused: list[dict[str, Any]] = []

    def first(body: dict[str, dict[str, Any]]) -> bool:
        refused.append(body)
        return len(refused) == 1

    platform.refuse = first
    connect(laboratory, platform, "alice")
    starts = platform.wait_for("repeat", lambda: (s := platform.of("alice", "Start"))[1:] and s)
    assert [start.status for start in starts] == [503, 204]
    assert starts[0].body == starts[1].body


def test_two_homes_at_once_each_with_its_rate(laboratory: Laboratory, platform: StandIn) -> None:
    home = laboratory.home
    bng.set_rate("alice", "5mbit", home=home)
    connect(laboratory, platform, "alice")
    bob = connect(laboratory, platform, BOB, gateway="cpe2")
    assert bob.virtual_address == "100.64.1.11"
    slow = cpe.download(seconds=2, home=home)
    fast = cpe.download(seconds=1, gateway="cpe2", home=home)
    assert slow.megabits_per_second < 6 < fast.megabits_per_second
    bng.set_rate("alice", "15mbit", home=home)
    assert 6 < cpe.download(seconds=2, home=home).megabits_per_second < 17
    assert {arrival.get("User-Name") for arrival in platform.arrivals} == {"alice", BOB}


def test_a_crashed_gateway_sends_no_stop_but_accounting_on(laboratory: Laboratory, platform: StandIn) -> None:
    home = laboratory.home
    connect(laboratory, platform, "alice")
    (start,) = platform.wait_for("start", lambda: platform.of("alice", "Start"))
    bng.crash(home=home)
    assert bng.restart(home=home)
    (on,) = [a for a in platform.arrivals if a.get("Acct-Status-Type") == "Accounting-On"]
    assert on.get("NAS-Identifier") == start.get("NAS-Identifier")
    assert on.get("NAS-IP-Address") == start.get("NAS-IP-Address") == topology.ACCESS_GATEWAY
    assert platform.of("alice", "Stop") == []
    again = connect(laboratory, platform, "alice")
    assert again.virtual_address == "100.64.1.10"
    starts = platform.wait_for("second start", lambda: (s := platform.of("alice", "Start"))[1:] and s)
    assert starts[1].get("Acct-Session-Id") != start.get("Acct-Session-Id")
