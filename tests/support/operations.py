"""An operator's hands on a running installation, for journeys: customers, orders, the technician, the clock, the network.

All of it through the public API, but what a person does at a terminal.
"""

import time
from datetime import datetime, timedelta
from typing import Any

from trunkline.app.stories.client import (
    ACCOUNT,
    BILLS,
    CUSTOMER,
    INVENTORY,
    ORDERING,
    PARTY,
    RESOURCES,
    SERVICE_ORDERS,
    SERVICES,
    ApiClient,
    Refused,
)
from trunkline.app.stories.installation import Installation

SITE = "site-hafenstrasse-12"
NODE = f"{RESOURCES}/resource/olt-1"
UNREACHABLE = "http://127.0.0.1:9"


class Operations:
    """One operator and one network element of the installation."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.api: ApiClient = installation.operator()
        self._network = installation.network()

    def close(self) -> None:
        self.api.close()
        self._network.close()

    def command(self, *words: str) -> str:
        """Run a command of `trunkline` on the installation; returns what it said."""
        done = self.installation.command(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def clock(self, to: str) -> None:
        """Move the clock to an instant."""
        self.api.post("/trunkline/v1/clock", {"now": to})

    def account(self, name: str) -> str:
        """A new customer's billing account."""
        medium = {
            "@type": "GeographicAddressContactMedium",
            "contactType": "postal",
            "preferred": True,
            "street1": "Hafenstraße 12",
            "postCode": "20457",
            "city": "Hamburg",
            "country": "DE",
        }
        person = self.api.post(
            f"{PARTY}/individual",
            {"@type": "Individual", "givenName": name, "familyName": "Line", "contactMedium": [medium]},
        )
        party = {"@type": "PartyRef", "@referredType": "Individual", "id": person["id"]}
        customer = self.api.post(f"{CUSTOMER}/customer", {"@type": "Customer", "name": name, "engagedParty": party})
        structure = {
            "@type": "BillStructure",
            "cycleSpecification": {"@type": "BillingCycleSpecificationRef", "id": "monthly-1"},
        }
        account = self.api.post(
            f"{ACCOUNT}/billingAccount",
            {
                "@type": "BillingAccount",
                "name": name,
                "currency": "EUR",
                "relatedParty": [
                    {
                        "@type": "RelatedPartyRefOrPartyRoleRef",
                        "role": "customer",
                        "partyOrPartyRole": {
                            "@type": "PartyRoleRef",
                            "@referredType": "Customer",
                            "id": customer["id"],
                        },
                    }
                ],
                "billStructure": structure,
            },
        )
        return str(account["id"])

    def order(self, account_id: str, *offerings: str) -> "Order":
        """Order offerings for the site; returns when the network has taken the order up."""
        place = {"@type": "PlaceRef", "id": SITE, "role": "service address"}
        related = {"@type": "RelatedPlaceRefOrValue", "role": "service address", "place": place}
        items = [
            {
                "@type": "ProductOrderItem",
                "id": str(n),
                "action": "add",
                "productOffering": {"@type": "ProductOfferingRef", "id": offering},
                "product": {"@type": "Product", "place": [related]},
            }
            for n, offering in enumerate(offerings, start=1)
        ]
        made = self.api.post(
            f"{ORDERING}/productOrder",
            {
                "@type": "ProductOrder",
                "billingAccount": {"@type": "BillingAccountRef", "id": account_id},
                "productOrderItem": items,
            },
        )
        return Order(self, made["id"])

    def drive_node(self, driver: str, address: str | None = None) -> None:
        """Have the access node driven by another driver; an address where nobody listens makes it unreachable."""
        said = {"driver": driver, "technology": "GPON"} | ({"managementAddress": address} if address else {})
        characteristics = [{"@type": "Characteristic", "name": name, "value": value} for name, value in said.items()]
        self.api.patch(NODE, {"resourceCharacteristic": characteristics})

    def connect(self, user_name: str) -> None:
        """The subscriber's gateway asks for authorisation and starts a session, as FreeRADIUS forwards it."""
        self.api.wait("the subscriber", lambda: self.is_let_in(user_name))
        said = {
            "User-Name": user_name,
            "NAS-Identifier": "bng",
            "Acct-Session-Id": f"session-{user_name}",
            "Acct-Status-Type": "Start",
        }
        record = {name: {"type": "string", "value": [value]} for name, value in said.items()}
        self._network.post("/radius/accounting", record)

    def is_let_in(self, user_name: str) -> bool:
        """Whether the network's AAA knows the subscriber."""
        question = {"User-Name": {"type": "string", "value": [user_name]}}
        try:
            self._network.post("/radius/authorize", question)
        except Refused as refused:
            if refused.status != 404:
                raise
            return False
        return True

    def members(self, pool: str) -> dict[str, str]:
        """The state of each member of a pool that is not free."""
        found = self.api.get(f"/trunkline/v1/resourcePool/{pool}/member")
        return {member["value"]: member["state"] for member in found if member["state"] != "free"}

    def bill_run(self, day: str) -> None:
        """Bill all accounts."""
        job = self.api.post("/trunkline/v1/billRun", {"cutOffDate": day, "cycle": "monthly-1"})
        done = self.api.wait("the bill run", lambda: self._ended(job["id"]))
        assert (done["state"], done["result"].get("failed", 0)) == ("completed", 0), done

    def bills(self, account_id: str) -> list[tuple[str, str]]:
        """(net, gross) of the account's bills, oldest first."""
        found = self.api.get(f"{BILLS}/customerBill", **{"billingAccount.id": account_id}, sort="billDate")
        return [(f"{b['taxExcludedAmount']['value']:.2f}", f"{b['taxIncludedAmount']['value']:.2f}") for b in found]

    def check(self, *options: str) -> str:
        """What `trunkline check` says at the end: nothing when all invariants hold. Commands that are still under way when
        it begins may come between two of its rules; so it is asked again, a few times."""
        for _ in range(3):
            checked = self.installation.command("check", *options)
            if checked.returncode == 0:
                return ""
            time.sleep(1)
        return checked.stdout + checked.stderr

    def _ended(self, job_id: str) -> Any:
        job = self.api.get(f"/trunkline/v1/job/{job_id}")
        return job if job["state"] in ("completed", "failed", "cancelled") else None


class Order:
    """A product order and the service order that realises it."""

    def __init__(self, at: Operations, id_: str) -> None:
        self._at = at
        self.id = id_
        self.service_order_id = str(at.api.wait("the service order", self._taken_up)["id"])

    def product_order(self) -> dict[str, Any]:
        found: dict[str, Any] = self._at.api.get(f"{ORDERING}/productOrder/{self.id}")
        return found

    def service_order(self) -> dict[str, Any]:
        found: dict[str, Any] = self._at.api.get(f"{SERVICE_ORDERS}/serviceOrder/{self.service_order_id}")
        return found

    def states(self) -> tuple[str, str]:
        """Of product order and service order."""
        return self.product_order()["state"], self.service_order()["state"]

    def until(self, product_order: str, service_order: str) -> None:
        """Wait until both orders are in these states; tells in which they are otherwise."""
        try:
            self._at.api.wait("the states", lambda: self.states() == (product_order, service_order), 60)
        except Exception as error:
            raise AssertionError(f"{self.states()}: {self.service_order()}") from error

    def products(self) -> dict[str, dict[str, Any]]:
        """The ordered products by the order item's id."""
        found = self._at.api.get(f"{INVENTORY}/product", **{"productOrderItem.orderId": self.id})
        return {product["productOrderItem"][0]["orderItemId"]: product for product in found}

    def services(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._at.api.get(
            f"{SERVICES}/service", **{"serviceOrderItem.serviceOrderId": self.service_order_id}
        )
        return found

    def resources(self) -> list[dict[str, Any]]:
        """What the services hold or held."""
        held = [reference["id"] for service in self.services() for reference in service.get("supportingResource", ())]
        return [self._at.api.get(f"{RESOURCES}/resource/{id_}") for id_ in held]

    def plan(self) -> dict[str, Any]:
        found: dict[str, Any] = self._at.api.get(self.service_order()["plan"]["href"])
        return found

    def step(self, name: str, *states: str) -> dict[str, Any]:
        """Wait until the step is in one of the states."""

        def look() -> dict[str, Any] | None:
            found = {step["name"]: step for step in self.plan()["steps"]}
            return found[name] if name in found and found[name]["state"] in states else None

        found: dict[str, Any] = self._at.api.wait(f"{name} {states}", look)
        return found

    def install(self, item: str = "1") -> None:
        """The technician reports the line of an item installed."""
        self.step(f"{item}.install", "running")
        result = {
            "serialNumber": f"TRNK-{self.id[-6:]}-{item}",
            "hardwareAddress": "02:00:00:00:00:04",
            "opticalPower": "-19",
        }
        path = f"/trunkline/v1/serviceOrder/{self.service_order_id}/task/{item}.install/complete"
        self._at.api.post(path, {"result": result})

    def user_name(self, item: str = "1") -> str:
        """The subscriber that the network lets in for an item's line."""
        return str(self.step(f"{item}.activate_session", "completed")["result"]["userName"])

    def out_of_attempts(self, name: str) -> dict[str, Any]:
        """Let the clock pass the step's pauses until it has failed for good."""
        failed: list[dict[str, Any]] = []
        while not failed:
            now = datetime.fromisoformat(self._at.api.get("/trunkline/v1/clock")["now"])
            self._at.clock((now + timedelta(seconds=30)).isoformat())
            time.sleep(0.3)
            failed = [step for step in self.plan()["steps"] if (step["name"], step["state"]) == (name, "failed")]
        return failed[0]

    def retry(self, step: dict[str, Any]) -> None:
        """The operator has a failed step tried again."""
        self._at.api.post(f"{self.service_order()['plan']['href']}/step/{step['n']}/retry", {})

    def give_up(self, item: str, reason: str) -> None:
        """The operator gives an item up."""
        path = f"/trunkline/v1/serviceOrder/{self.service_order_id}/item/{item}/giveUp"
        self._at.api.post(path, {"reason": reason})

    def cancel(self, reason: str) -> dict[str, Any]:
        """The customer wants the order cancelled; returns the task."""
        task: dict[str, Any] = self._at.api.post(
            f"{ORDERING}/cancelProductOrder",
            {
                "@type": "CancelProductOrder",
                "productOrder": {"@type": "ProductOrderRef", "id": self.id},
                "cancellationReason": reason,
            },
        )
        return task

    def _taken_up(self) -> dict[str, Any] | None:
        found = self._at.api.get(f"{SERVICE_ORDERS}/serviceOrder", **{"externalIdentifier.id": self.id})
        return found[0] if found and "plan" in found[0] else None
