"""The access gateway as its operator treats it: rates, disconnection, restart and crash."""

import re
import signal
from dataclasses import dataclass

from trunkline_lab import topology
from trunkline_lab.enter import run, ssh
from trunkline_lab.errors import LabError
from trunkline_lab.home import Home

_ADDRESS = topology.ROUTERS["bng"].management


@dataclass(frozen=True, slots=True)
class Session:
    """A subscriber's established IKEv2 session as the gateway sees it."""

    user: str  # as authenticated by EAP
    virtual_address: str
    seconds_left: int | None  # of its Session-Timeout, less a margin; None when it has none


def sessions(*, home: Home | None = None) -> list[Session]:
    """The gateway's established sessions. Raises NotUp, and LabError when the gateway does not run."""
    said = run("bng", ["swanctl", "--list-sas", "--raw"], home=home).stdout
    found = []
    for line in said.splitlines():
        facts = dict(re.findall(r"([a-z-]+)=\[?([^\s\]}]*)", line.partition("child-sas")[0]))
        if facts.get("state") == "ESTABLISHED":
            left = facts.get("reauth-time")
            found.append(Session(facts["remote-eap-id"], facts["remote-vips"], None if left is None else int(left)))
    return found


def set_rate(user: str, rate: str, *, home: Home | None = None) -> None:
    """Shape what a subscriber receives to `rate` (such as "20mbit"), over SSH; a live session changes at once.

    Raises LabError for a rate or name the router refuses, NotUp.
    """
    ssh("bng", f"qos set {user} {rate}", home=home)


def clear_rate(user: str, *, home: Home | None = None) -> None:
    """Let a subscriber receive unshaped. Raises LabError, NotUp."""
    ssh("bng", f"qos clear {user}", home=home)


def disconnect(user: str, *, home: Home | None = None) -> bool:
    """Ask the gateway to end a user's sessions (RFC 5176 Disconnect-Request); whether it acknowledged."""
    return _dynamic_authorization("disconnect", f'User-Name = "{user}"', home)


def change_session_timeout(user: str, seconds: int, *, home: Home | None = None) -> bool:
    """Change a live session's Session-Timeout (RFC 5176 CoA-Request); whether the gateway acknowledged."""
    return _dynamic_authorization("coa", f'User-Name = "{user}", Session-Timeout = {seconds}', home)


def crash(*, home: Home | None = None) -> None:
    """Kill the gateway's daemon hard: its sessions are gone, and no accounting Stop is ever sent."""
    _signal(signal.SIGKILL, home)


def stop(*, home: Home | None = None) -> None:
    """End the gateway in order: accounting Stops, then Accounting-Off (RFC 2866, 5.1)."""
    _signal(signal.SIGTERM, home)
    _accounting("Accounting-Off", home)


def restart(*, home: Home | None = None) -> bool:
    """Start the gateway after `crash` or `stop`; returns whether the platform took note of Accounting-On.

    strongSwan does not send Accounting-On itself, so the laboratory does on its behalf, from its address and
    before the first session can be, as a gateway that reboots must (RFC 2866, 5.1).
    """
    home = home or Home.find()
    noted = _accounting("Accounting-On", home)
    run("bng", [str(home.node("bng") / "access-start.sh")], home=home)
    return noted


def _dynamic_authorization(kind: str, attributes: str, home: Home | None) -> bool:
    home = home or Home.find()
    secret = str(home.node("noc") / "secret")
    argv = ["radclient", "-r", "2", "-t", "3", "-S", secret, f"{_ADDRESS}:{topology.COA_PORT}", kind]
    done = run("noc", argv, home=home, stdin=attributes + "\n", check=False)
    return "-ACK" in done.stdout


def _accounting(status: str, home: Home | None) -> bool:
    home = home or Home.find()
    attributes = f'Acct-Status-Type = {status}, NAS-IP-Address = {topology.ACCESS_GATEWAY}, NAS-Identifier = "bng"'
    attributes += ', Acct-Session-Id = "0"'
    server = f"{topology.MANAGEMENT}.1:1813"
    argv = ["radclient", "-r", "3", "-t", "2", "-S", str(home.node("noc") / "secret"), server, "acct"]
    done = run("bng", argv, home=home, stdin=attributes + "\n", check=False)
    return "Accounting-Response" in done.stdout


def _signal(number: signal.Signals, home: Home | None) -> None:
    home = home or Home.find()
    charon = (home.node("bng") / "charon.pid").read_text().strip()
    done = run("bng", ["kill", f"-{int(number)}", charon], home=home, check=False)
    if done.returncode:
        raise LabError("The access gateway is not running.", "Start it with trunkline_lab.bng.restart().")
    wait = f"for _ in $(seq 200); do kill -0 {charon} 2>/dev/null || exit 0; sleep 0.05; done; exit 1"
    run("bng", ["bash", "-c", wait], home=home)
