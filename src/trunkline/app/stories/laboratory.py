"""The laboratory as the story's access network: a real DHCP lease, a real IKEv2 session, real octets, real accounting.

What the story must come to is worked out from FreeRADIUS' `detail` file, which no part of the product writes.
"""

import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import httpx
import msgspec

from trunkline.adapters.radius.dynamic_authorization import Answer, DynamicAuthorization, SessionName
from trunkline.adapters.radius.nas import Nas
from trunkline.app.demo.load import operator as demo_data
from trunkline.app.prepare import NETWORK_KEY_FILE
from trunkline.app.stories.client import POOLS, RESOURCES, SITES, ApiClient, TimedOut
from trunkline.app.stories.fixture import Fixture
from trunkline.app.stories.installation import Installation
from trunkline.app.stories.report import Report
from trunkline.app.stories.simulated import authorisation
from trunkline_lab import control, cpe, topology
from trunkline_lab.home import Home

GATEWAY = "cpe1"
TRAFFIC_S = 10
INTERIM_S = 3
PATIENCE_S = 60
OCTETS_MIN = 50_000_001
"""From here on 0.10 EUR a GB come to a cent: with less the story would bill nothing and prove little."""
_GIGAWORD = 1 << 32
_OCTETS_PER_GB = Decimal(10**9)
_CENT = Decimal("0.01")
_PATHS = {"resource": f"{RESOURCES}/resource", "resourcePool": f"{POOLS}/resourcePool"}
_T = TypeVar("_T")


@contextlib.contextmanager
def laboratory(progress: Callable[[str], None], *, keep: bool = False) -> Iterator[Home]:
    """Start a laboratory of the story's own and move this thread's network into its NOC; all is over at the end.

    An installation that is started meanwhile lives there too, in reach of FreeRADIUS, Kea and the gateway.
    keep    leave logs and accounting records. Raises LabError.
    """
    home = Home(Path(tempfile.mkdtemp(prefix="trunkline-lab-")) / "home")
    before = signal.signal(signal.SIGTERM, _terminate)  # a story that is ended must not leave a network behind
    try:
        control.up(home=home, interim_seconds=INTERIM_S, progress=progress)
        with control.inside("noc", home=home):
            yield home
    finally:
        control.down(home=home, keep_logs=keep)
        if not keep:
            home.root.parent.rmdir()
        signal.signal(signal.SIGTERM, before)


def prepare(installation: Installation, operator: ApiClient, home: Home) -> None:
    """Make installation and laboratory known to each other: the key FreeRADIUS shows; the gateway and its ports."""
    key = (installation.home / NETWORK_KEY_FILE).read_text("utf-8").strip()
    key_id = key.split("_")[1]
    control.set_api(installation.url, api_user=key_id, api_password=key, home=home)
    data = demo_data("lab.json")
    for entry in data["documents"]:
        operator.post(_PATHS[entry["resource"]], entry["document"])
    for pool, values in data["poolMembers"].items():
        operator.post(f"/trunkline/v1/resourcePool/{pool}/member", {"value": values})
    for site, access in data["servingAccess"].items():
        operator.patch(f"{SITES}/geographicSite/{site}", {"servingAccess": access})


def on_laboratory(fixture: Fixture) -> Fixture:
    """The fixture with the device that the technician really connects."""
    install = {**fixture.values["install"], "hardware_address": topology.mac_address(GATEWAY)}
    return msgspec.structs.replace(fixture, values={**fixture.values, "install": install})


class LaboratoryAccess:
    """The subscriber's home `cpe1` and the gateway `bng`. `api` holds the key of a network element."""

    def __init__(self, api: ApiClient, home: Home, report: Report, *, repeat_as_new: bool = False) -> None:
        self._api = api
        self._home = home
        self._report = report
        self._repeat_as_new = repeat_as_new
        self._user_name = ""

    def connect(self, user_name: str) -> str:
        """Dial in with the secret that the platform made: a DHCP lease, then EAP over RADIUS. Raises SessionRefused."""
        self._user_name = user_name
        answer = authorisation(self._api, user_name)
        (secret,) = answer["control:Cleartext-Password"]["value"]
        session = cpe.connect(user_name, secret, gateway=GATEWAY, home=self._home)
        lease = self._lease()
        (wanted,) = answer["reply:Framed-IP-Address"]["value"]
        if (lease["ip-address"], session.virtual_address) != (session.lease_address, wanted):
            raise AssertionError(f"{session} is not what Kea ({lease}) and AAA ({wanted}) gave")
        if not str(lease.get("hostname", "")).startswith("line-"):
            raise AssertionError(f"the lease does not come from the line's reservation: {lease}")
        self._report.figure("lease_address", session.lease_address)
        self._report.figure("session_address", session.virtual_address)
        return (
            f"{GATEWAY}: lease {session.lease_address} reserved as {lease['hostname']}, "
            f"session {session.virtual_address} after {session.seconds:.2f} s"
        )

    def use(self, user_name: str) -> int:
        """Fetch for ten seconds, change the session by CoA, end it by Disconnect, repeat its last record."""
        traffic = cpe.download(seconds=TRAFFIC_S, gateway=GATEWAY, home=self._home)
        self._report.figure("traffic_octets", traffic.octets)
        self._report.say(
            f"iperf3: {traffic.octets:,} octets in {traffic.seconds:.1f} s, {traffic.megabits_per_second:.0f} Mbit/s"
        )
        _wait(
            "an interim record with all of the traffic",
            lambda: [r for r in self._records("Interim-Update") if octets_of(r) >= traffic.octets],
        )
        self._change_and_end(SessionName(user_name=user_name))
        stops = self._records("Stop")  # of one session; a gateway that waits too long for an answer repeats it itself
        if len({stop["Acct-Session-Id"] for stop in stops}) != 1:
            raise AssertionError(f"not one session was ended: {stops}")
        cpe.disconnect(gateway=GATEWAY, home=self._home)
        self._repeat(stops[0])
        counted = self.counted()
        if counted < OCTETS_MIN:
            raise AssertionError(f"{counted:,} octets come to less than a cent: the network was too slow")
        kinds = {kind: len(self._records(kind)) for kind in ("Start", "Interim-Update", "Stop")}
        self._report.figure("radius_records", kinds)
        self._report.say(f"accounting: {', '.join(f'{kind} {n}' for kind, n in kinds.items())} (one session)")
        return counted

    def files(self, user_name: str, octets_left: int) -> list[tuple[str, bytes]]:  # noqa: ARG002  # the protocol's
        """None: all usage is what the network counted."""
        return []

    def counted(self) -> int:
        """Octets of all sessions by their Stop records in FreeRADIUS' file, each session once."""
        return sum({stop["Acct-Session-Id"]: octets_of(stop) for stop in self._records("Stop", forged=False)}.values())

    def expected(self, fixture: Fixture) -> dict[str, Any]:
        """The fixture's figures, with usage, sums and tax from the octets that FreeRADIUS' file holds."""
        octets = self.counted()
        usage = _cents(octets / _OCTETS_PER_GB * Decimal(fixture.values["usage"]["price_per_gb"]))
        net = usage + sum(Decimal(fixture.expect[name]) for name in ("install_net", "june_net", "july_net"))
        tax = _cents(net * Decimal(fixture.values["tax_percent"]) / 100)
        self._report.say(f"by the detail file: {octets:,} octets = {usage}; {net} net + {tax} tax = {net + tax} gross")
        figures = {"usage_net": usage, "net": net, "tax": tax, "gross": net + tax}
        return {
            **fixture.expect,
            **{name: str(amount) for name, amount in figures.items()},
            "usage_octets": octets,
            "technology": "Ethernet",
        }

    def _change_and_end(self, session: SessionName) -> None:
        """CoA, Disconnect, and once the gateway has let go, a Disconnect that finds nothing any more.

        No home dials in meanwhile: strongSwan 5.9 ends on a CoA-Request that arrives in the middle of that.
        """
        router = topology.ROUTERS["bng"]
        client = DynamicAuthorization(
            Nas(name=router.name, address=router.management, port=topology.COA_PORT, secret=topology.RADIUS_SECRET)
        )
        changed = asyncio.run(client.change(session, {"Session-Timeout": ["7200"]}))
        if not changed.acknowledged or not cpe.is_connected(gateway=GATEWAY, home=self._home):
            raise AssertionError(f"the session was not changed, or did not outlive it: {changed}")
        ended = asyncio.run(client.disconnect(session))
        if not ended.acknowledged:
            raise AssertionError(f"the session was not ended: {ended}")
        _wait("the session's Stop", lambda: self._records("Stop"))
        # while it takes the session down the gateway acknowledges another Disconnect: nothing ends twice
        again = _wait("the session's end", lambda: _refusal(asyncio.run(client.disconnect(session))))
        self._report.figure("coa", changed.reason)
        self._report.figure("disconnect", ended.reason)
        self._report.figure("disconnect_again", again.reason)
        self._report.say(f"CoA Session-Timeout: {changed.reason}; Disconnect: {ended.reason}; again: {again.reason}")

    def _lease(self) -> dict[str, Any]:
        """What Kea says it gave the home."""
        question = {"command": "lease4-get-all", "service": ["dhcp4"]}
        (answer,) = httpx.post(control.status(home=self._home).kea, json=question, timeout=10).json()
        mac = topology.mac_address(GATEWAY)
        found: dict[str, Any] = next(
            lease for lease in answer["arguments"]["leases"] if lease["hw-address"] == mac and lease["state"] == 0
        )
        return found

    def _repeat(self, record: dict[str, str]) -> None:
        """Send a record again, as a gateway does that missed the answer; returns when it is answered."""
        again = dict(record)
        if self._repeat_as_new:
            again["Acct-Session-Id"] = f'"again-{again["Acct-Session-Id"].strip(chr(34))}"'
        lines = "".join(f"{name} = {value}\n" for name, value in again.items() if name != "Timestamp")
        secret = control.status(home=self._home).radius_secret_file
        argv = ["radclient", "-r", "3", "-t", "4", "-S", secret, f"{topology.MANAGEMENT}.1:1813", "acct"]
        done = control.run("bng", argv, home=self._home, stdin=lines, check=False)
        if "Accounting-Response" not in done.stdout:
            raise AssertionError(f"the repeated record was not answered: {done.stdout}{done.stderr}")

    def _records(self, status: str, *, forged: bool = True) -> list[dict[str, str]]:
        """The user's records of a kind in FreeRADIUS' file; without `forged`, none that the mutant made up."""
        path = self._home.node("noc") / "detail"
        found = detail_records(path.read_text("utf-8")) if path.exists() else []
        return [
            record
            for record in found
            if record.get("Acct-Status-Type") == status
            and record.get("User-Name") == f'"{self._user_name}"'
            and (forged or not record["Acct-Session-Id"].startswith('"again-'))
        ]


def detail_records(text: str) -> list[dict[str, str]]:
    """The packets of a FreeRADIUS detail file, attribute → value as written, strings with their quotation marks."""
    return [
        dict(line.strip().split(" = ", 1) for line in block.splitlines() if line.startswith("\t") and " = " in line)
        for block in text.split("\n\n")
        if block.strip()
    ]


def octets_of(record: dict[str, str]) -> int:
    """Octets both ways, with the gigawords of RFC 2869."""
    return sum(
        int(record.get(f"Acct-{way}-Octets", 0)) + int(record.get(f"Acct-{way}-Gigawords", 0)) * _GIGAWORD
        for way in ("Input", "Output")
    )


def _refusal(answer: Answer) -> Answer | None:
    return None if answer.acknowledged else answer


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)


def _wait(what: str, look: Callable[[], _T | None]) -> _T:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise TimedOut(f"{what} did not come within {PATIENCE_S} s")
        time.sleep(0.2)


def _terminate(_signal: int, _frame: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)
