"""S1 "first line": from a visitor's address over an order and a real access line to an explained bill.

Speaks only the public API. What differs between a simulated and a real access network is behind `AccessNetwork`.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from trunkline.app.stories.client import (
    ACCOUNT,
    ADDRESSES,
    BILLS,
    CUSTOMER,
    INVENTORY,
    ORDERING,
    PARTY,
    QUALIFICATION,
    RESOURCES,
    SERVICE_ORDERS,
    SERVICES,
    USAGE,
    ApiClient,
)
from trunkline.app.stories.fixture import Fixture
from trunkline.app.stories.report import Report

STEPS = 9


class AccessNetwork(Protocol):
    """The subscriber's side of the access network: the home gateway and the gateway that counts its traffic."""

    def connect(self, user_name: str) -> str:
        """Let the subscriber's gateway connect; returns words for the report."""

    def use(self, user_name: str) -> int:
        """Make traffic, end the session; returns the octets that the network counted."""

    def files(self, user_name: str, octets_left: int) -> list[tuple[str, bytes]]:
        """Accounting files (name, content) that bring the rest of the fixture's usage; none on a real network."""

    def expected(self, fixture: Fixture) -> dict[str, Any]:
        """The figures the story must come to, with what this network counted."""


class StoryS1:
    """One run of the story. `play` returns the figures; it raises when the API refuses or something does not come."""

    def __init__(self, api: ApiClient, fixture: Fixture, access: AccessNetwork, report: Report, folder: Path) -> None:
        self._api = api
        self._f = fixture.values
        self._access = access
        self._report = report
        self._folder = folder
        self._ids: dict[str, str] = {}

    def play(self) -> dict[str, Any]:
        """Play all steps; the figures by name, as the fixture's `expect` names them."""
        self._switch_off()
        self._qualify()
        self._create_customer()
        order = self._order()
        self._watch_decomposition(order)
        self._install_and_activate(order)
        self._check_chain()
        self._use()
        bill = self._bill()
        self._explain(bill)
        return self._report.figures

    def _switch_off(self) -> None:
        """For a mutant: set the business policy that the rule excludes."""
        for path, change in self._f.get("policies", {}).items():
            self._api.patch(path, change)

    # steps ----------------------------------------------------------------------------------------------------------

    def _qualify(self) -> None:
        self._report.step("A visitor's address is qualified")
        self._move_clock("qualified_at")
        wanted = self._f["address"]
        addresses = self._api.get(
            f"{ADDRESSES}/geographicAddress",
            streetName=wanted["street"],
            streetNr=wanted["number"],
            city=wanted["city"],
        )
        address = addresses[0]
        place = {"@type": "PlaceRef", "id": address["id"], "role": "service address"}
        item = {
            "@type": "CheckProductOfferingQualificationItem",
            "id": "1",
            "action": "add",
            "productOffering": {"@type": "ProductOfferingRef", "id": self._f["order"]["offerings"][0]},
            "product": {
                "@type": "Product",
                "place": [{"@type": "RelatedPlaceRefOrValue", "role": "service address", "place": place}],
            },
        }
        check = self._api.post(
            f"{QUALIFICATION}/checkProductOfferingQualification",
            {"@type": "CheckProductOfferingQualification", "checkProductOfferingQualificationItem": [item]},
        )
        served = {
            found["name"]: found["value"]
            for found in check["checkProductOfferingQualificationItem"][0]["product"]["productCharacteristic"]
        }
        self._ids["site"] = served["site"]
        self._report.figure("qualification", check["qualificationResult"])
        self._report.figure("technology", served["technology"])
        self._report.say(
            f"{wanted['street']} {wanted['number']}, {wanted['city']}: {check['qualificationResult']}, "
            f"{served['technology']}, up to {int(served['downstreamMax']) // 10**6} Mbit/s"
        )

    def _create_customer(self) -> None:
        self._report.step("A customer with consent is created")
        wanted = self._f["customer"]
        now = self._api.get("/trunkline/v1/clock")["now"]
        consents = [
            {
                "@type": "ObjectCharacteristic",
                "name": f"consent.{purpose}",
                "valueType": "object",
                "value": {"given": given, "at": now, "channel": "web"},
            }
            for purpose, given in wanted["consents"].items()
        ]
        person = self._api.post(
            f"{PARTY}/individual",
            {
                "@type": "Individual",
                "givenName": wanted["given_name"],
                "familyName": wanted["family_name"],
                "partyCharacteristic": consents,
                "contactMedium": [self._contact()],
            },
        )
        customer = self._api.post(
            f"{CUSTOMER}/customer",
            {
                "@type": "Customer",
                "name": f"{wanted['given_name']} {wanted['family_name']}",
                "engagedParty": {"@type": "PartyRef", "@referredType": "Individual", "id": person["id"]},
            },
        )
        account = self._api.post(
            f"{ACCOUNT}/billingAccount",
            {
                "@type": "BillingAccount",
                "name": customer["name"],
                "currency": self._f["currency"],
                "relatedParty": [self._party(customer["id"])],
                "billStructure": {
                    "@type": "BillStructure",
                    "cycleSpecification": {"@type": "BillingCycleSpecificationRef", "id": "monthly-1"},
                },
            },
        )
        self._ids |= {"individual": person["id"], "customer": customer["id"], "account": account["id"]}
        given = [purpose for purpose, said in wanted["consents"].items() if said]
        self._report.say(f"{customer['name']}, consents: {', '.join(given)}; billing account {account['id']}")

    def _order(self) -> dict[str, Any]:
        names = self._f["order"]["offerings"]
        self._report.step(f"{' and '.join(names)} are ordered")
        self._move_clock("ordered_at")
        place = {"@type": "PlaceRef", "id": self._ids["site"], "role": "service address"}
        items = [
            {
                "@type": "ProductOrderItem",
                "id": str(n),
                "action": "add",
                "productOffering": {"@type": "ProductOfferingRef", "id": name},
                "product": {
                    "@type": "Product",
                    "place": [{"@type": "RelatedPlaceRefOrValue", "role": "service address", "place": place}],
                },
            }
            for n, name in enumerate(names, start=1)
        ]
        order: dict[str, Any] = self._api.post(
            f"{ORDERING}/productOrder",
            {
                "@type": "ProductOrder",
                "category": "residential",
                "relatedParty": [self._party(self._ids["customer"])],
                "billingAccount": {"@type": "BillingAccountRef", "id": self._ids["account"]},
                "productOrderItem": items,
            },
        )
        self._ids["order"] = order["id"]
        for price in order["orderTotalPrice"]:
            amount = price["price"]["dutyFreeAmount"]
            self._report.say(f"{price['priceType']}: {amount['value']} {amount['unit']} net")
        return order

    def _watch_decomposition(self, order: dict[str, Any]) -> None:
        self._report.step("The order is decomposed, resources are reserved")
        running = self._api.wait("the service order", lambda: self._service_order(order["id"]))
        self._ids["service_order"] = running["id"]
        plan_path = running["plan"]["href"]
        self._api.wait("the reservation", lambda: self._step(plan_path, "reserve", {"completed"}))
        chain = self._services()
        for service in chain:
            held = [
                f"{resource['name']} {resource.get('value', '(by the technician)')}"
                for reference in service.get("supportingResource", ())
                for resource in [self._api.get(f"{RESOURCES}/resource/{reference['id']}")]
            ]
            self._report.say(f"{service['category']} {service['name']}: {', '.join(held) or 'no resources of its own'}")
        steps = self._api.get(plan_path)["steps"]
        self._report.say("plan: " + " → ".join(step["name"].split(".", 1)[-1] for step in steps))
        self._report.figure("services", len(chain))

    def _install_and_activate(self, order: dict[str, Any]) -> None:
        self._report.step("The line is installed and activated")
        self._move_clock("installed_at")
        wanted = self._f["install"]
        plan_path = self._api.get(f"{SERVICE_ORDERS}/serviceOrder/{self._ids['service_order']}")["plan"]["href"]
        manual = self._api.wait(
            "the installation task", lambda: self._step(plan_path, "install", {"running", "waiting", "ready"})
        )
        self._api.post(
            f"/trunkline/v1/serviceOrder/{self._ids['service_order']}/task/{manual['name']}/complete",
            {
                "result": {
                    "serialNumber": wanted["serial_number"],
                    "hardwareAddress": wanted["hardware_address"],
                    "opticalPower": wanted["optical_power_dbm"],
                }
            },
        )
        session = self._api.wait("the AAA user", lambda: self._step(plan_path, "activate_session", {"completed"}))
        self._ids["user_name"] = session["result"]["userName"]
        self._report.say(f"technician: serial {wanted['serial_number']}, light {wanted['optical_power_dbm']} dBm")
        self._report.say(self._access.connect(self._ids["user_name"]))
        self._api.wait("the completed order", lambda: self._completed(order["id"]))

    def _check_chain(self) -> None:
        self._report.step("Product, services and resources are active since the same instant")
        products = self._api.get(f"{INVENTORY}/product", **{"productOrderItem.orderId": self._ids["order"]})
        starts = {product["startDate"] for product in products}
        for service in self._services():
            starts.add(service["startDate"])
            for reference in service.get("supportingResource", ()):
                starts.add(self._api.get(f"{RESOURCES}/resource/{reference['id']}")["startOperatingDate"])
        if len(starts) != 1 or {product["status"] for product in products} != {"active"}:
            raise AssertionError(f"not one activation instant: {sorted(starts)}")
        self._report.figure("activated_at", starts.pop(), f"{len(products)} products active")
        self._report.say(f"since {self._report.figures['activated_at']}")

    def _use(self) -> None:
        self._report.step("Usage arrives and is rated")
        user_name = self._ids["user_name"]
        counted = self._access.use(user_name)
        self._report.say(f"the network counted {counted:,} octets in the session")
        self._move_clock("usage_until")
        for name, content in self._access.files(user_name, self._f["usage"]["total_octets"] - counted):
            for attempt in ("first", "second"):
                if attempt == "second" and self._f.get("feed_as_new"):
                    content = content.replace(b"file-", b"again-")
                job = self._api.upload(
                    "/trunkline/v1/usageImport", content, "application/octet-stream", file=name, mapping="detail"
                )
                done = self._api.wait("the import", self._job_of(job["id"]))
                counts = done["result"]
                outcomes = " + ".join(f"{o} {counts[o]}" for o in ("rated", "free", "suspended", "rejected"))
                known = f", known before {counts['alreadyKnown']}"
                self._report.say(f"{name}, {attempt} time: in {counts['in']} = {outcomes}{known}")
        octets = self._api.wait("the rated session", lambda: self._rated_octets(counted))
        self._report.figure("usage_octets", octets, f"{octets:,} octets on the product")

    def _bill(self) -> dict[str, Any]:
        self._report.step("The bill run of 1 July")
        self._move_clock("billed_at")
        local = datetime.fromisoformat(str(self._f["clock"]["billed_at"]))
        run = self._api.post("/trunkline/v1/billRun", {"cutOffDate": local.date().isoformat(), "cycle": "monthly-1"})
        self._api.wait("the bill run", lambda: self._job(run["id"]))
        bills = self._api.get(f"{BILLS}/customerBill", **{"billingAccount.id": self._ids["account"]})
        if len(bills) != 1:
            raise AssertionError(f"expected one bill, got {len(bills)}")
        bill: dict[str, Any] = bills[0]
        net, gross = bill["taxExcludedAmount"]["value"], bill["taxIncludedAmount"]["value"]
        self._report.figure("bill_no", bill["billNo"])
        self._report.figure("net", _money(net))
        self._report.figure("gross", _money(gross))
        self._report.figure("tax", _money(Decimal(gross) - Decimal(net)))
        self._report.say(
            f"{bill['billNo']}: {_money(net)} net + {self._report.figures['tax']} tax = {_money(gross)} gross"
        )
        return bill

    def _explain(self, bill: dict[str, Any]) -> None:
        self._report.step("The invoice is explained line by line, and printed")
        lines = self._api.get(f"{BILLS}/appliedCustomerBillingRate", **{"bill.id": bill["id"]}, sort="date")
        explained = self._api.get(f"/trunkline/v1/customerBill/{bill['id']}/explanation")
        for line in explained["lines"]:
            self._report.say(f"{line['net']:>8}  {line['text']}")
        self._report.figure("lines", len(lines))
        self._figures_of(explained["lines"])
        pdf = self._api.download(f"{BILLS}/customerBill/{bill['id']}/document")
        path = self._folder / f"{bill['billNo'].replace('/', '-')}.pdf"
        path.write_bytes(pdf)
        self._report.figure("pdf", str(path))

    # looking --------------------------------------------------------------------------------------------------------

    def _figures_of(self, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            kind = line["kind"]
            if kind == "oneTime":
                self._report.figure("install_net", line["net"])
            elif kind == "usage":
                self._report.figure("usage_net", line["net"])
            elif line.get("days") and line["days"] != line.get("periodDays"):
                self._report.figure("june_net", line["net"])
                self._report.figure("june_days", line["days"])
            else:
                self._report.figure("july_net", line["net"])

    def _move_clock(self, name: str) -> None:
        target = self._f["clock"][name].isoformat()
        self._api.post("/trunkline/v1/clock", {"now": target})

    def _party(self, id_: str) -> dict[str, Any]:
        role = {"@type": "PartyRoleRef", "@referredType": "Customer", "id": id_}
        return {"@type": "RelatedPartyRefOrPartyRoleRef", "role": "customer", "partyOrPartyRole": role}

    def _contact(self) -> dict[str, Any]:
        where = self._f["address"]
        return {
            "@type": "GeographicAddressContactMedium",
            "contactType": "postal",
            "preferred": True,
            "street1": f"{where['street']} {where['number']}",
            "postCode": where["postcode"],
            "city": where["city"],
            "country": "DE",
        }

    def _service_order(self, order_id: str) -> dict[str, Any] | None:
        found = self._api.get(f"{SERVICE_ORDERS}/serviceOrder", **{"externalIdentifier.id": order_id})
        return found[0] if found and "plan" in found[0] else None

    def _services(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._api.get(
            f"{SERVICES}/service", **{"serviceOrderItem.serviceOrderId": self._ids["service_order"]}
        )
        return found

    def _step(self, plan_path: str, name: str, states: set[str]) -> dict[str, Any] | None:
        for step in self._api.get(plan_path)["steps"]:
            if step["name"].split(".", 1)[-1] == name and step["state"] in states:
                found: dict[str, Any] = step
                return found
        return None

    def _completed(self, order_id: str) -> bool:
        state: str = self._api.get(f"{ORDERING}/productOrder/{order_id}")["state"]
        if state in ("failed", "cancelled", "rejected"):
            raise AssertionError(f"the order is {state}")
        return state == "completed"

    def _job_of(self, job_id: str) -> Callable[[], dict[str, Any] | None]:
        return lambda: self._job(job_id)

    def _job(self, job_id: str) -> dict[str, Any] | None:
        job: dict[str, Any] = self._api.get(f"/trunkline/v1/job/{job_id}")
        if job["state"] in ("failed", "cancelled"):
            raise AssertionError(f"the job {job['kind']} {job['state']}: {job}")
        return job if job["state"] == "completed" else None

    def _rated_octets(self, at_least: int) -> int | None:
        """Octets on the ordered products, by the usage records; None while the session's last record is not there."""
        total, after = 0, ""
        while True:
            page = self._api.get(f"{USAGE}/usage", limit="500", **({"after": after} if after else {}))
            for record in page:
                total += sum(
                    int(item["value"]) for item in record.get("usageCharacteristic", ()) if item["name"] == "quantity"
                )
            if len(page) < 500:
                return total if total >= at_least else None
            after = page[-1]["id"]


def _money(value: Any) -> str:
    return f"{Decimal(value):.2f}"
