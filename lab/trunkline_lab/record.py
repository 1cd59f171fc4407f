"""Record the accounting of real sessions: the laboratory's own data for tests where there is no root."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trunkline_lab import bng, control, cpe
from trunkline_lab.home import Home
from trunkline_lab.stand_in import Arrival, StandIn, Subscriber

_ALICE, _BOB = "alice", "bob@example.net"
_PASSWORDS = {_ALICE: "alice-password", _BOB: "bob-password"}


def record(directory: Path, *, home: Home | None = None, progress: Callable[[str], None] | None = None) -> int:
    """Run a laboratory of its own and store what FreeRADIUS saw; returns the number of accounting requests.

    Writes `detail` (FreeRADIUS' own file) and `accounting.jsonl` (the HTTP bodies in order of arrival) to
    `directory`. Raises LabError when a step does not happen.
    """
    home = home or Home.find()
    tell = progress or (lambda _line: None)
    control.up(home=home, interim_seconds=3, progress=tell)
    try:
        platform = StandIn(home=home)
        try:
            _play(platform, home, tell)
        finally:
            platform.close()
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(home.node("noc") / "detail", directory / "detail")
        (directory / "detail").chmod(0o644)
        with (directory / "accounting.jsonl").open("w") as file:
            for arrival in platform.arrivals:
                line = {"arrived": arrival.arrived.isoformat(), "status": arrival.status, "body": arrival.body}
                file.write(json.dumps(line) + "\n")
        return len(platform.arrivals)
    finally:
        control.down(home=home)


def _play(platform: StandIn, home: Home, tell: Callable[[str], None]) -> None:
    platform.subscribers[_ALICE] = Subscriber(_PASSWORDS[_ALICE], "100.64.1.10")
    platform.subscribers[_BOB] = Subscriber(_PASSWORDS[_BOB], "100.64.1.11", plan="BB50")
    for user, rate in ((_ALICE, "20mbit"), (_BOB, "50mbit")):
        bng.set_rate(user, rate, home=home)
    tell("alice: start, interims (one refused, so repeated), stop by the user; bob at the same time")
    _side_by_side(platform, home)
    tell("alice again: ended by the operator; the answer to her Stop comes too late, so it is repeated")
    _disconnected(platform, home)
    tell("the gateway crashes: bob's Stop is lost; Accounting-On when it is back; bob dials in again")
    _crashed(platform, home)
    tell("the gateway is shut down in order: bob's Stop, Accounting-Off")
    bng.stop(home=home)
    platform.wait_for("stop of bob", lambda: platform.of(_BOB, "Stop"))
    platform.wait_for("Accounting-Off", lambda: platform.arrivals[-1].get("Acct-Status-Type") == "Accounting-Off")


def _side_by_side(platform: StandIn, home: Home) -> None:
    cpe.connect(_ALICE, _PASSWORDS[_ALICE], home=home)
    cpe.download(octets=8_000_000, home=home)
    cpe.upload(octets=1_000_000, home=home)
    platform.refuse = _once("Interim-Update")
    cpe.connect(_BOB, _PASSWORDS[_BOB], gateway="cpe2", home=home)
    cpe.download(octets=20_000_000, gateway="cpe2", home=home)
    platform.wait_for("refused interim", lambda: [a for a in platform.arrivals if a.status != 204])
    refused = next(arrival for arrival in platform.arrivals if arrival.status != 204)
    platform.wait_for("repeat of the refused interim", lambda: _times(platform, refused) == 2)
    platform.wait_for("three interims of alice", lambda: len(platform.of(_ALICE, "Interim-Update")) >= 3)
    cpe.disconnect(home=home)
    platform.wait_for("stop of alice", lambda: platform.of(_ALICE, "Stop"))


def _disconnected(platform: StandIn, home: Home) -> None:
    cpe.connect(_ALICE, _PASSWORDS[_ALICE], home=home)
    cpe.download(octets=3_000_000, home=home)
    platform.late = _once("Stop")
    bng.disconnect(_ALICE, home=home)
    platform.wait_for("repeated stop of alice", lambda: _times(platform, platform.of(_ALICE, "Stop")[-1]) == 2)


def _crashed(platform: StandIn, home: Home) -> None:
    cpe.download(octets=5_000_000, gateway="cpe2", home=home)
    seen = len(platform.of(_BOB, "Interim-Update"))
    platform.wait_for("another interim of bob", lambda: len(platform.of(_BOB, "Interim-Update")) > seen)
    bng.crash(home=home)
    bng.restart(home=home)
    cpe.connect(_BOB, _PASSWORDS[_BOB], gateway="cpe2", home=home)
    cpe.download(octets=4_000_000, gateway="cpe2", home=home)
    seen = len(platform.of(_BOB, "Interim-Update"))
    platform.wait_for("interims of bob's new session", lambda: len(platform.of(_BOB, "Interim-Update")) > seen + 1)


def _once(status: str) -> Callable[[dict[str, dict[str, Any]]], bool]:
    """True for the first request of a status, and for no other."""
    met: list[object] = []

    def first(body: dict[str, dict[str, Any]]) -> bool:
        if body["Acct-Status-Type"]["value"] != [status] or met:
            return False
        met.append(body)
        return True

    return first


def _times(platform: StandIn, wanted: Arrival) -> int:
    """How often the very same request has come."""
    return sum(arrival.body == wanted.body for arrival in platform.arrivals)
