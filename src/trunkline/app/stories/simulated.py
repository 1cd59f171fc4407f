"""A simulated access network for machines without a laboratory: plays accounting that the laboratory recorded.

`fixtures/recorded-session.jsonl` holds one session as FreeRADIUS forwarded it (start, interims, stop). Each record is
sent twice, because access servers repeat what was not answered in time.
"""

from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import msgspec

from trunkline.app.stories.client import ApiClient, Refused
from trunkline.app.stories.fixture import Fixture

OCTETS_PER_GIGAWORD = 1 << 32
SESSION = timedelta(hours=20)


class SimulatedAccess:
    """The gateway and the home behind it. `api` holds the key of a network element."""

    def __init__(self, api: ApiClient, first_day: datetime, sessions: int = 8) -> None:
        self._api = api
        self._first_day = first_day
        self._sessions = sessions
        lines = (resources.files(__package__) / "fixtures" / "recorded-session.jsonl").read_text("utf-8").splitlines()
        self._records: list[dict[str, Any]] = [msgspec.json.decode(line) for line in lines]

    def connect(self, user_name: str) -> str:
        """Ask for authorisation as FreeRADIUS does, then report the session's start, twice."""
        answer = authorisation(self._api, user_name)
        self._send(self._records[:1], user_name)
        attributes = ", ".join(sorted(name for name in answer if not name.startswith("control:")))
        return f"AAA lets {user_name} in ({attributes}); session started"

    def use(self, user_name: str) -> int:
        """Report the session's interims and its stop, each twice; returns the octets of the stop."""
        self._send(self._records[1:], user_name)
        last = self._records[-1]
        return _number(last, "Acct-Input-Octets") + _number(last, "Acct-Output-Octets")

    def files(self, user_name: str, octets_left: int) -> list[tuple[str, bytes]]:
        """A FreeRADIUS detail file with the month's other sessions, which add up to `octets_left`."""
        each = octets_left // self._sessions
        lines: list[str] = []
        for n in range(self._sessions):
            octets = each if n < self._sessions - 1 else octets_left - each * (self._sessions - 1)
            start = self._first_day + n * timedelta(days=2)
            down = octets * 9 // 10
            facts = {"User-Name": f'"{user_name}"', "Acct-Session-Id": f'"file-{n + 1:02d}"', "NAS-Identifier": '"bng"'}
            lines += _packet(facts, "Start", start, 0, 0)
            lines += _packet(facts, "Interim-Update", start, (octets - down) // 2, down // 2, lasted=SESSION / 2)
            lines += _packet(facts, "Stop", start, octets - down, down, lasted=SESSION)
        return [("detail-june", ("\n".join(lines) + "\n").encode())]

    def expected(self, fixture: Fixture) -> dict[str, Any]:
        """Those of the fixture: what is played is always the same."""
        return fixture.expect

    def _send(self, records: list[dict[str, Any]], user_name: str) -> None:
        for record in records:
            body = {**record, "User-Name": {"type": "string", "value": [user_name]}}
            for _ in range(2):
                self._api.post("/radius/accounting", body)


def authorisation(api: ApiClient, user_name: str) -> dict[str, Any]:
    """What FreeRADIUS is answered about a user; waits until the user is known."""
    question = {"User-Name": {"type": "string", "value": [user_name]}}

    def ask() -> dict[str, Any] | None:
        try:
            answer: dict[str, Any] = api.post("/radius/authorize", question)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return answer

    return api.wait("the authorisation", ask)


def _packet(
    facts: dict[str, str], status: str, start: datetime, up: int, down: int, lasted: timedelta = timedelta(0)
) -> list[str]:
    """One packet of a session as a detail file holds it; counters split into octets and gigawords (RFC 2869)."""
    at = start + lasted
    stamp = int(at.astimezone(UTC).timestamp())
    attributes = {
        **facts,
        "Acct-Status-Type": status,
        "Event-Timestamp": f'"{at.astimezone(UTC):%b %d %Y %H:%M:%S} UTC"',
        "Acct-Session-Time": str(int(lasted.total_seconds())),
        "Acct-Input-Octets": str(up % OCTETS_PER_GIGAWORD),
        "Acct-Input-Gigawords": str(up // OCTETS_PER_GIGAWORD),
        "Acct-Output-Octets": str(down % OCTETS_PER_GIGAWORD),
        "Acct-Output-Gigawords": str(down // OCTETS_PER_GIGAWORD),
        "Timestamp": str(stamp),
    }
    return [
        f"{at.astimezone(UTC):%a %b %d %H:%M:%S %Y}",
        *(f"\t{name} = {value}" for name, value in attributes.items()),
        "",
    ]


def _number(record: dict[str, Any], name: str) -> int:
    return int(record.get(name, {}).get("value", [0])[0])
