"""The demo operator lives: customers order, a technician installs, homes connect and use what they bought.

Speaks only the public API, as outsiders do. Runs beside server and worker in demo mode and may be stopped at any time;
what it finds done already it does not do again.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from trunkline.app.stories.client import (
    ACCOUNT,
    CUSTOMER,
    ORDERING,
    PARTY,
    SERVICE_ORDERS,
    ApiClient,
    Refused,
    TimedOut,
)

CUSTOMERS = 3
SITE = "site-hafenstrasse-12"
OFFERINGS = ("fibre-500", "data-per-gb")
ROUND_S = 15
OCTETS_PER_ROUND = 40_000_000


class DemoLife:
    """Plays the demo's customers, its technician and its access network until the process ends."""

    def __init__(self, operator: ApiClient, network: ApiClient) -> None:
        self._operator = operator
        self._network = network
        self._rounds = 0

    def run(self) -> None:
        """Bring the customers up, then let them use their lines."""
        names = [f"demo-{n}" for n in range(1, CUSTOMERS + 1)]
        users: dict[str, str] = {}
        while True:
            for name in names:
                with contextlib.suppress(Refused, TimedOut):  # the installation may be starting again; next round
                    if name not in users:
                        users[name] = self._connected(name)
                    self._report(name, users[name], "Interim-Update")
            self._rounds += 1
            time.sleep(ROUND_S)

    def _connected(self, name: str) -> str:
        """The user name of a customer whose line is up; does what is missing for that."""
        order = self._order(name)
        running = self._operator.wait("the service order", lambda: self._service_order(order["id"]))
        plan = running["plan"]["href"]
        open_or_done = {"running", "waiting", "ready", "completed"}
        task = self._operator.wait(
            "the installation", lambda: next(self._steps(plan, "install", open_or_done, begun=True), None)
        )
        if task["state"] != "completed":
            result = {"serialNumber": f"DEMO{name[-1]:0>8}", "opticalPower": "-18.5"}
            self._operator.post(
                f"/trunkline/v1/serviceOrder/{running['id']}/task/{task['name']}/complete", {"result": result}
            )
        step = self._operator.wait(
            "the AAA user", lambda: next(self._steps(plan, "activate_session", {"completed"}), None)
        )
        user: str = step["result"]["userName"]
        self._report(name, user, "Start")
        return user

    def _order(self, name: str) -> dict[str, Any]:
        """The customer's order, found by its own id or placed; the keys make repeating it harmless."""
        with contextlib.suppress(Refused):
            found: dict[str, Any] = self._operator.get(f"{ORDERING}/productOrder/{name}")
            return found
        for path, document in self._customer(name):
            with contextlib.suppress(Refused):  # there already
                self._operator.post(path, document, key=f"{name}-{path.rpartition('/')[2]}")
        place = {
            "@type": "RelatedPlaceRefOrValue",
            "role": "service address",
            "place": {"@type": "PlaceRef", "id": SITE},
        }
        items = [
            {
                "@type": "ProductOrderItem",
                "id": str(n),
                "action": "add",
                "productOffering": {"@type": "ProductOfferingRef", "id": offering},
                "product": {"@type": "Product", "place": [place]},
            }
            for n, offering in enumerate(OFFERINGS, start=1)
        ]
        order = {
            "@type": "ProductOrder",
            "id": name,
            "category": "residential",
            "relatedParty": [_party(name)],
            "billingAccount": {"@type": "BillingAccountRef", "id": name},
            "productOrderItem": items,
        }
        placed: dict[str, Any] = self._operator.post(f"{ORDERING}/productOrder", order, key=f"{name}-order")
        return placed

    def _customer(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        person = {"@type": "Individual", "id": name, "givenName": "Demo", "familyName": f"Customer {name[-1]}"}
        yield f"{PARTY}/individual", person
        engaged = {"@type": "PartyRef", "@referredType": "Individual", "id": name}
        yield f"{CUSTOMER}/customer", {"@type": "Customer", "id": name, "name": name, "engagedParty": engaged}
        cycle = {"@type": "BillingCycleSpecificationRef", "id": "monthly-1"}
        account = {
            "@type": "BillingAccount",
            "id": name,
            "name": name,
            "currency": "EUR",
            "relatedParty": [_party(name)],
        }
        yield (
            f"{ACCOUNT}/billingAccount",
            {**account, "billStructure": {"@type": "BillStructure", "cycleSpecification": cycle}},
        )

    def _service_order(self, order_id: str) -> dict[str, Any] | None:
        found = self._operator.get(f"{SERVICE_ORDERS}/serviceOrder", **{"externalIdentifier.id": order_id})
        return found[0] if found and "plan" in found[0] else None

    def _steps(self, plan: str, name: str, states: set[str], *, begun: bool = False) -> Iterator[dict[str, Any]]:
        """The plan's steps of that name in one of the states; `begun` leaves out those that wait for others."""
        for step in self._operator.get(plan)["steps"]:
            is_wanted = step["name"].partition(".")[2] == name and step["state"] in states
            if is_wanted and (not begun or step.get("startedAt")):
                yield step

    def _report(self, name: str, user: str, status: str) -> None:
        """One accounting record of the customer's session, as an access gateway sends it; counters only grow."""
        octets = self._rounds * OCTETS_PER_ROUND
        values = {
            "User-Name": user,
            "NAS-Identifier": "olt-1",
            "Acct-Session-Id": f"{name}-{self._network.run_id}",
            "Acct-Status-Type": status,
            "Acct-Session-Time": self._rounds * ROUND_S,
            "Acct-Input-Octets": (octets // 10) % (1 << 32),
            "Acct-Output-Octets": octets % (1 << 32),
            "Acct-Input-Gigawords": (octets // 10) >> 32,
            "Acct-Output-Gigawords": octets >> 32,
        }
        body = {
            attribute: {"type": "string" if isinstance(value, str) else "integer", "value": [value]}
            for attribute, value in values.items()
        }
        self._network.post("/radius/accounting", body)


def _party(name: str) -> dict[str, Any]:
    role = {"@type": "PartyRoleRef", "@referredType": "Customer", "id": name}
    return {"@type": "RelatedPartyRefOrPartyRoleRef", "role": "customer", "partyOrPartyRole": role}
