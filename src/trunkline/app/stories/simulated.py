"""A simulated access network for machines without a laboratory: plays accounting that the laboratory recorded.

`fixtures/recorded-session.jsonl` holds one session as FreeRADIUS forwarded it (start, interims, stop). Each record is
sent twice, because access servers repeat what was not answered in time.
"""

from importlib import resources
from typing import Any

import msgspec

from trunkline.app.stories.access import authorisation
from trunkline.app.stories.client import ApiClient
from trunkline.app.stories.fixture import Fixture


class SimulatedAccess:
    """The gateway and the home behind it (`access.AccessNetwork`). `api` holds the key of a network element."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        lines = (resources.files(__package__) / "fixtures" / "recorded-session.jsonl").read_text("utf-8").splitlines()
        self._records: list[dict[str, Any]] = [msgspec.json.decode(line) for line in lines]

    def connect(self, user_name: str, activated: dict[str, Any]) -> list[str]:  # noqa: ARG002  # the protocol's
        """Ask for authorisation as FreeRADIUS does, then report the session's start, twice."""
        answer = authorisation(self._api, user_name)
        self._send(self._records[:1], user_name)
        attributes = ", ".join(sorted(name for name in answer if not name.startswith("control:")))
        return [f"AAA lets {user_name} in ({attributes}); session started"]

    def use(self, user_name: str) -> int:
        """Report the session's interims and its stop, each twice; returns the octets of the stop."""
        self._send(self._records[1:], user_name)
        last = self._records[-1]
        return _number(last, "Acct-Input-Octets") + _number(last, "Acct-Output-Octets")

    def expected(self, fixture: Fixture) -> dict[str, Any]:
        """Those of the fixture: what is played is always the same."""
        return fixture.expect

    def _send(self, records: list[dict[str, Any]], user_name: str) -> None:
        for record in records:
            body = {**record, "User-Name": {"type": "string", "value": [user_name]}}
            for _ in range(2):
                self._api.post("/radius/accounting", body)


def _number(record: dict[str, Any], name: str) -> int:
    return int(record.get(name, {}).get("value", [0])[0])
