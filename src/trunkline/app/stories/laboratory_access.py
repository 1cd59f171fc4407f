"""The laboratory as the story's access network: a real DHCP lease, a real IKEv2 session, real octets, real accounting.

What the session must come to is worked out from FreeRADIUS' `detail` file, which no part of the product writes.
"""

import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from trunkline.app.stories.access import authorisation
from trunkline.app.stories.client import ApiClient, TimedOut
from trunkline.app.stories.detail import Record, as_request, detail_records, octets_of, without_repetitions
from trunkline.app.stories.fixture import Fixture
from trunkline.app.stories.laboratory import ACCESS_GATEWAY, HOME_GATEWAY
from trunkline.app.stories.report import Report
from trunkline_lab import bng, control, cpe, topology
from trunkline_lab.errors import SessionRefused
from trunkline_lab.home import Home

TRAFFIC_S = 10
PATIENCE_S = 60
SESSION_TIMEOUT_S = 7200
REPEATED = ("Start", "Interim-Update", "Stop")
_SESSIONS = "/trunkline/v1/accessSession"
_FORGED = '"again-'  # how the id of a session begins that only a mutant makes up
_T = TypeVar("_T")


class LaboratoryAccess:
    """The subscriber's home `cpe1` and the gateway `bng` (`access.AccessNetwork`).

    operator, network  the API with the operator's key and with that of a network element
    repeat_as_new      a mutant: what is sent again looks like another session
    """

    def __init__(
        self, operator: ApiClient, network: ApiClient, home: Home, report: Report, *, repeat_as_new: bool = False
    ) -> None:
        self._operator = operator
        self._network = network
        self._home = home
        self._report = report
        self._repeat_as_new = repeat_as_new
        self._user_name = ""
        self._told_before = 0

    def connect(self, user_name: str, activated: dict[str, Any]) -> list[str]:
        """Dial in with a wrong secret, then with the one that the platform made: a DHCP lease by the line's reservation,
        then EAP over RADIUS."""
        self._user_name = user_name
        self._told_before = self._answered("accounting", "204")
        reserved = self._reservation(activated)
        answer = authorisation(self._network, user_name)
        (secret,) = answer["control:Cleartext-Password"]["value"]
        (wanted,) = answer["reply:Framed-IP-Address"]["value"]
        refused, asked_for_wrong = self._dial_in(f"{secret}x")
        session, asked = self._dial_in(secret)
        if refused is not None or session is None:
            raise AssertionError(f"a wrong secret was answered with {refused}, the right one with {session}")
        if not asked_for_wrong or not asked:
            raise AssertionError(f"FreeRADIUS did not ask the platform: {asked_for_wrong} and {asked} times")
        lease = self._lease()
        if lease != {"ip-address": session.lease_address, **reserved}:
            raise AssertionError(f"the lease {lease} is not that of the line's reservation {reserved} and of {session}")
        (held,) = bng.sessions(home=self._home)
        if (held.user, held.virtual_address) != (user_name, wanted) or session.virtual_address != wanted:
            raise AssertionError(f"the session {held}, {session} is not the one that the platform authorised: {wanted}")
        self._report.figure("lease_address", session.lease_address)
        self._report.figure("session_address", session.virtual_address)
        self._report.figure("authorize_requests", asked)
        return [
            f"Kea: {reserved['hw-address']} reserved as {reserved['hostname']}",
            f"FreeRADIUS asked /radius/authorize {asked_for_wrong} times: a wrong secret is refused",
            f"FreeRADIUS asked /radius/authorize {asked} times: {user_name} is let in",
            f"{HOME_GATEWAY}: lease {session.lease_address} and IKEv2/EAP session {wanted} in {session.seconds:.2f} s",
        ]

    def use(self, user_name: str) -> int:
        """Fetch for ten seconds, change the session by CoA, end it by Disconnect, repeat a record of each kind."""
        traffic = cpe.download(seconds=TRAFFIC_S, gateway=HOME_GATEWAY, home=self._home)
        self._report.figure("traffic_octets", traffic.octets)
        self._report.say(
            f"iperf3: {traffic.octets:,} octets in {traffic.seconds:.1f} s, {traffic.megabits_per_second:.0f} Mbit/s"
        )
        _wait(
            "an interim record with all of the traffic",
            lambda: [r for r in self._records("Interim-Update") if octets_of(r) >= traffic.octets],
        )
        self._change(user_name)
        self._end(user_name)
        cpe.disconnect(gateway=HOME_GATEWAY, home=self._home)
        once = self._once()
        if len({record["Acct-Session-Id"] for record in once}) != 1 or not set(REPEATED) <= self._kinds(once).keys():
            raise AssertionError(f"not the records of one session from Start to Stop: {once}")
        for kind in REPEATED:
            self._repeat(next(record for record in once if record["Acct-Status-Type"] == kind))
        sent, told = len(self._records()), self._answered("accounting", "204") - self._told_before
        if told < len(once) + len(REPEATED):
            raise AssertionError(f"the platform took {told} of {sent} records")
        self._report.figure("accounting_requests", told)
        self._report.say(
            f"accounting: {_words(self._kinds(once))} of one session, repeated after its end: {', '.join(REPEATED)}; "
            f"/radius/accounting took {told}"
        )
        counted = octets_of(once[-1])
        if counted < traffic.octets:
            raise AssertionError(f"the gateway counted {counted:,} octets, {traffic.octets:,} arrived")
        return counted

    def expected(self, fixture: Fixture) -> dict[str, Any]:
        """The fixture's figures; of them, what the session counted, by FreeRADIUS' file."""
        once = self._once()
        octets = octets_of(next(record for record in once if record["Acct-Status-Type"] == "Stop"))
        self._report.say(f"by FreeRADIUS' detail file: {_words(self._kinds(once))}; {octets:,} octets")
        return {
            **fixture.expect,
            "technology": "Ethernet",
            "session_octets": octets,
            "session_octets_billed": octets,
            "session_records": self._kinds(once),
        }

    def _dial_in(self, secret: str) -> tuple[cpe.Session | None, int]:
        """The session, None when it is refused; and how often FreeRADIUS asked the platform for it."""
        before = self._answered("authorize", "200")
        try:
            session = cpe.connect(self._user_name, secret, gateway=HOME_GATEWAY, home=self._home)
        except SessionRefused:
            session = None
        return session, self._answered("authorize", "200") - before

    def _change(self, user_name: str) -> None:
        """CoA. No home dials in meanwhile: strongSwan 5.9 ends on a CoA-Request that arrives in the middle of that."""
        (before,) = bng.sessions(home=self._home)
        changed = self._operator.post(
            f"{_SESSIONS}/change",
            {
                "accessServer": ACCESS_GATEWAY,
                "userName": user_name,
                "attributes": {"Session-Timeout": [str(SESSION_TIMEOUT_S)]},
            },
        )
        (after,) = bng.sessions(home=self._home)
        left = after.seconds_left
        if not changed["acknowledged"] or before.seconds_left is not None or not left or left > SESSION_TIMEOUT_S:
            raise AssertionError(f"the session was not changed: {changed}, {before}, {after}")
        self._report.figure("coa", changed["reason"])
        self._report.say(
            f"CoA Session-Timeout {SESSION_TIMEOUT_S}: {changed['reason']}; the gateway ends the session in {left} s"
        )

    def _end(self, user_name: str) -> None:
        """Disconnect, and once the gateway has let go, a Disconnect that finds nothing any more."""
        asked = {"accessServer": ACCESS_GATEWAY, "userName": user_name}
        ended = self._operator.post(f"{_SESSIONS}/disconnect", asked)
        if not ended["acknowledged"]:
            raise AssertionError(f"the session was not ended: {ended}")
        _wait("the session's Stop", lambda: self._records("Stop"))
        _wait("the end at the home", lambda: not cpe.is_connected(gateway=HOME_GATEWAY, home=self._home))
        _wait("the end at the gateway", lambda: not bng.sessions(home=self._home))
        again = self._operator.post(f"{_SESSIONS}/disconnect", asked)
        if again["acknowledged"]:
            raise AssertionError(f"a session was ended twice: {again}")
        self._report.figure("disconnect", ended["reason"])
        self._report.figure("disconnect_again", again["reason"])
        self._report.say(f"Disconnect: {ended['reason']}, no session on either side; again: {again['reason']}")

    def _reservation(self, activated: dict[str, Any]) -> dict[str, str]:
        """The reservation that the driver says it made, if Kea has it for the home's device."""
        reserved: dict[str, str] = activated["answer"]["reservation"]
        subnets = self._kea("config-get")["Dhcp4"]["subnet4"]
        known = [{name: found.get(name) for name in reserved} for net in subnets for found in net["reservations"]]
        if known != [reserved] or reserved["hw-address"] != topology.mac_address(HOME_GATEWAY):
            raise AssertionError(f"Kea holds {known}, the order asked for {reserved}")
        return reserved

    def _lease(self) -> dict[str, str]:
        """What Kea says it gave the home."""
        mac = topology.mac_address(HOME_GATEWAY)
        (lease,) = (
            found
            for found in self._kea("lease4-get-all")["leases"]
            if found["hw-address"] == mac and found["state"] == 0
        )
        return {name: lease[name] for name in ("ip-address", "hw-address", "hostname")}

    def _kea(self, command: str) -> dict[str, Any]:
        question = {"command": command, "service": ["dhcp4"]}
        (answer,) = httpx.post(control.status(home=self._home).kea, json=question, timeout=10).json()
        found: dict[str, Any] = answer["arguments"]
        return found

    def _answered(self, what: str, status: str) -> int:
        """How often the platform has given this answer to /radius/…, by its own metrics."""
        text = self._operator.download("/metrics").decode()
        pattern = rf'^trunkline_http_requests_total{{(?=.*route="/radius/{what}")(?=.*status="{status}").*}} (\d+)\.0$'
        return sum(int(found) for found in re.findall(pattern, text, re.MULTILINE))

    def _repeat(self, record: Record) -> None:
        """Send a record again, as a gateway does that missed the answer; returns when it is answered."""
        again = dict(record)
        if self._repeat_as_new:
            again["Acct-Session-Id"] = _FORGED + again["Acct-Session-Id"].strip('"') + '"'
        secret = control.status(home=self._home).radius_secret_file
        argv = ["radclient", "-r", "3", "-t", "4", "-S", secret, f"{topology.MANAGEMENT}.1:1813", "acct"]
        done = control.run(ACCESS_GATEWAY, argv, home=self._home, stdin=as_request(again), check=False)
        if "Accounting-Response" not in done.stdout:
            raise AssertionError(f"the repeated record was not answered: {done.stdout}{done.stderr}")

    def _once(self) -> list[Record]:
        """The session's records without repetitions and what a mutant made up, in the order of their arrival."""
        return without_repetitions([r for r in self._records() if not r["Acct-Session-Id"].startswith(_FORGED)])

    def _records(self, *kinds: str) -> list[Record]:
        """The user's records in FreeRADIUS' file; of these kinds, where some are named."""
        path = self._home.node("noc") / "detail"
        found = detail_records(path.read_text("utf-8")) if path.exists() else []
        return [
            record
            for record in found
            if record.get("User-Name") == f'"{self._user_name}"' and (not kinds or record["Acct-Status-Type"] in kinds)
        ]

    def _kinds(self, records: list[Record]) -> dict[str, int]:
        return dict(sorted(Counter(record["Acct-Status-Type"] for record in records).items()))


def _words(kinds: dict[str, int]) -> str:
    return ", ".join(f"{kind} {n}" for kind, n in kinds.items())


def _wait(what: str, look: Callable[[], _T]) -> _T:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise TimedOut(f"{what} did not come within {PATIENCE_S} s")
        time.sleep(0.2)
