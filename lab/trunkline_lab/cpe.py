"""A home gateway: dial in, make traffic, hang up."""

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from trunkline_lab import topology
from trunkline_lab.enter import run
from trunkline_lab.errors import LabError, SessionRefused
from trunkline_lab.home import Home
from trunkline_lab.templates import place

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+-]*")


@dataclass(frozen=True, slots=True)
class Session:
    """A subscriber's session as his home gateway sees it."""

    user: str
    gateway: str
    lease_address: str  # from the DHCP server, on the access network
    virtual_address: str  # RADIUS Framed-IP-Address, from the platform
    seconds: float  # from the first DHCP packet to the session


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a speed test carried, counted at the receiving application."""

    octets: int
    seconds: float

    @property
    def megabits_per_second(self) -> float:
        """The rate at the application, in 10^6 bit/s."""
        return self.octets * 8 / self.seconds / 1e6


def connect(user: str, password: str, *, gateway: str = "cpe1", timeout: int = 20, home: Home | None = None) -> Session:
    """Get a DHCP lease and an authenticated IKEv2 session (EAP over RADIUS) for `user`.

    A session the gateway has is ended first. Raises SessionRefused when the network does not let the user in
    within `timeout` seconds, NotUp, and LabError.
    """
    home = home or Home.find()
    _check(gateway)
    if not _USER.fullmatch(user):
        raise LabError(f"{user!r} cannot be a subscriber's name here.", "Use letters, digits and . _ @ + -")
    if not password or not password.isprintable():
        raise LabError("A subscriber's password must be one line of printable characters.")
    disconnect(gateway=gateway, home=home)
    _place_files(home, gateway, user, password)
    begun = time.monotonic()
    script = str(home.node(gateway) / "connect.sh")
    done = run(gateway, [script, str(timeout)], home=home, timeout=timeout + 15, check=False)
    seconds = time.monotonic() - begun
    if done.returncode:
        disconnect(gateway=gateway, home=home)
        said = " / ".join((done.stdout + done.stderr).strip().splitlines()[-3:])
        raise SessionRefused(f"No session for {user}: {said}", f"See {home.node(gateway)}, and radius.log in the noc.")
    lease, virtual = _address(gateway, "eth0", home), _address(gateway, "ipsec0", home)
    return Session(user, gateway, lease, virtual, seconds)


def disconnect(*, gateway: str = "cpe1", home: Home | None = None) -> None:
    """End the gateway's session, if it has one. Raises NotUp."""
    home = home or Home.find()
    _check(gateway)
    script = home.node(gateway) / "disconnect.sh"
    if script.exists():
        run(gateway, [str(script)], home=home)


def is_connected(*, gateway: str = "cpe1", home: Home | None = None) -> bool:
    """Whether the gateway still holds a virtual address, that is, a session. Raises NotUp."""
    _check(gateway)
    done = run(gateway, ["ip", "-4", "-j", "addr", "show", "dev", "ipsec0"], home=home, check=False)
    return bool(done.returncode == 0 and any(link.get("addr_info") for link in json.loads(done.stdout or "[]")))


def download(
    *, octets: int | None = None, seconds: int | None = None, gateway: str = "cpe1", home: Home | None = None
) -> Traffic:
    """Fetch from the content server: `octets` of payload, or for so many `seconds`.

    Raises LabError when there is no session to carry it.
    """
    return _speed_test(["-R"], octets, seconds, gateway, home)


def upload(
    *, octets: int | None = None, seconds: int | None = None, gateway: str = "cpe1", home: Home | None = None
) -> Traffic:
    """Send to the content server, as `download` fetches from it; not shaped.

    With `octets`, a little less arrives: the test ends when the sender is done, not the receiver.
    """
    return _speed_test(["-w", "64K"], octets, seconds, gateway, home)


def _speed_test(
    direction: list[str], octets: int | None, seconds: int | None, gateway: str, home: Home | None
) -> Traffic:
    _check(gateway)
    if (octets is None) == (seconds is None):
        raise LabError("A speed test takes either octets or seconds.")
    amount = ["-n", str(octets)] if octets is not None else ["-t", str(seconds)]
    port = str(topology.SPEED_TEST_PORTS[gateway])
    argv = ["iperf3", "-J", "-c", topology.CONTENT_SERVER, "-p", port, "--connect-timeout", "5000", *direction, *amount]
    done = run(gateway, argv, home=home, timeout=(seconds or 0) + 120, check=False)
    result: dict[str, Any] = json.loads(done.stdout or "{}")
    if done.returncode or "error" in result:
        raise LabError(f"No traffic from {gateway}: {result.get('error') or done.stderr.strip()}", "Is it connected?")
    received = result["end"]["sum_received"]
    return Traffic(octets=int(received["bytes"]), seconds=float(received["seconds"]))


def _place_files(home: Home, gateway: str, user: str, password: str) -> None:
    directory = home.node(gateway)
    for name in ("connect.sh", "disconnect.sh", "lease.sh"):
        place(f"home-{name}", directory / name, home, 0o755)
    place("strongswan-cpe.conf", directory / "strongswan.conf", home)
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    swanctl = directory / "swanctl"
    place("swanctl-cpe.conf", swanctl / "swanctl.conf", home, 0o600, USER=user, PASSWORD=quoted)
    (swanctl / "x509ca").mkdir(exist_ok=True)
    authority = home.node("bng") / "swanctl" / "x509ca" / "ca.pem"
    (swanctl / "x509ca" / "ca.pem").write_bytes(authority.read_bytes())


def _address(gateway: str, device: str, home: Home) -> str:
    links = json.loads(run(gateway, ["ip", "-4", "-j", "addr", "show", "dev", device], home=home).stdout)
    for link in links:
        for address in link.get("addr_info", []):
            return str(address["local"])
    raise LabError(f"{gateway} has no address on {device}.", f"See {home.node(gateway)}/charon.log.")


def _check(gateway: str) -> None:
    if gateway not in topology.HOME_GATEWAYS:
        raise LabError(f"There is no home gateway {gateway!r}.", f"There are: {', '.join(topology.HOME_GATEWAYS)}.")
