"""A small operator with a customer: real records through the domains' own resources and facades."""

from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any

from trunkline.bss.account.resources import billing_accounts, billing_cycle_specifications
from trunkline.bss.customer.resources import customers
from trunkline.bss.party.resources import individuals, organizations
from trunkline.bss.product_catalog.resources import product_offerings
from trunkline.bss.product_inventory.resources import products
from trunkline.bss.usage import facade as usage
from trunkline.bss.usage.contracts import IdentifierKind, Origin, Outcome, RawEvent, UsageEvent
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.ids import new_id
from trunkline.kernel.quantity import Unit
from trunkline.kernel.tmf import Document

VAT = [{"@type": "TaxItem", "taxCategory": "VAT", "taxRate": 19}]
ACTIVATED = "2026-06-11T13:20:00.000Z"
ORDERED = "2026-06-03T09:00:00.000Z"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def sold(id_: str, name: str, kind: str, amount: str, **more: Any) -> Document:
    """A price as sold."""
    return {
        "@type": "ProductPrice",
        "name": name,
        "priceType": kind,
        "productOfferingPrice": {"@type": "ProductOfferingPriceRef", "id": id_, "version": "1.0"},
        "price": {"@type": "Price", "dutyFreeAmount": {"unit": "EUR", "value": Decimal(amount)}, "taxRate": 19},
        "tax": VAT,
        **more,
    }


MONTHLY = sold("pop-month", "Fibre 500", "recurring", "40.00", recurringChargePeriod="1 month")
INSTALL = sold("pop-install", "Installation", "oneTime", "50.00")
PER_GB = sold("pop-gb", "Data per GB", "usage", "0.10", unitOfMeasure="1 GB")


class Scene:
    """One tenant of the test database. Every test has a tenant of its own, so tests do not meet."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.tenant = new_id()
        self.now = at("2026-07-01T06:00:00+02:00")
        self._numbers = count(1)

    @property
    def context(self) -> Context:
        return Context(tenant=self.tenant, actor="test", channel="api", now=self.now, correlation_id=new_id())

    async def operator(self, **cycle: Any) -> None:
        """The seller, a cycle on the 1st in Berlin and an offering."""
        async with self.database.unit_of_work() as uow:
            await organizations.create(
                uow,
                {
                    "id": "seller",
                    "@type": "Organization",
                    "name": "Nordlicht Telecom GmbH",
                    "billNumberPrefix": "NL-",
                    "organizationIdentification": [
                        {
                            "@type": "OrganizationIdentification",
                            "identificationType": "VAT",
                            "identificationId": "DE123456789",
                        }
                    ],
                    "contactMedium": [_postal("Speicherstadt 4")],
                },
                self.context,
            )
            await billing_cycle_specifications.create(
                uow,
                {
                    "id": "monthly-1",
                    "@type": "BillingCycleSpecification",
                    "name": "Monthly, on the 1st",
                    "timeZone": "Europe/Berlin",
                    "dayOfMonth": 1,
                    "currency": "EUR",
                    "paymentDueDateOffset": 14,
                    "seller": {"@type": "PartyRef", "id": "seller"},
                    **cycle,
                },
                self.context,
            )
            await product_offerings.create(
                uow,
                {"id": "fibre", "@type": "ProductOffering", "name": "Fibre", "lifecycleStatus": "Active"},
                self.context,
            )

    async def account(self, **changed: Any) -> str:
        """A customer's billing account; returns its id."""
        async with self.database.unit_of_work() as uow:
            person = await individuals.create(
                uow,
                {
                    "@type": "Individual",
                    "givenName": "First",
                    "familyName": "Line",
                    "contactMedium": [_postal("Hafenstraße 12")],
                },
                self.context,
            )
            customer = await customers.create(
                uow,
                {"@type": "Customer", "name": "First Line", "engagedParty": {"@type": "PartyRef", "id": person["id"]}},
                self.context,
            )
            account = await billing_accounts.create(
                uow,
                {
                    "@type": "BillingAccount",
                    "name": "First Line",
                    "relatedParty": [
                        {
                            "@type": "RelatedPartyRefOrPartyRoleRef",
                            "role": "customer",
                            "partyOrPartyRole": {"@type": "PartyRoleRef", "id": customer["id"]},
                        }
                    ],
                    "billStructure": {
                        "@type": "BillStructure",
                        "cycleSpecification": {"@type": "BillingCycleSpecificationRef", "id": "monthly-1"},
                    },
                    **changed,
                },
                self.context,
            )
        return str(account["id"])

    async def product(self, account_id: str, name: str, prices: list[Document], **changed: Any) -> str:
        """An active product; returns its id."""
        async with self.database.unit_of_work() as uow:
            product = await products.create(
                uow,
                {
                    "@type": "Product",
                    "name": name,
                    "status": "active",
                    "orderDate": ORDERED,
                    "startDate": ACTIVATED,
                    "productOffering": {"@type": "ProductOfferingRef", "id": "fibre"},
                    "billingAccount": {"@type": "BillingAccountRef", "id": account_id},
                    "productOrderItem": [
                        {
                            "@type": "RelatedOrderItem",
                            "orderId": "order-1",
                            "orderItemId": "1",
                            "role": "created by",
                            "orderItemAction": "add",
                        }
                    ],
                    "productPrice": prices,
                    **changed,
                },
                self.context,
            )
        return str(product["id"])

    async def first_line(self) -> str:
        """The account of S1: fibre, installation, usage of 37.25 GB in nine records."""
        account_id = await self.account()
        await self.product(account_id, "Fibre 500", [MONTHLY, INSTALL])
        metered = await self.product(account_id, "Data per GB", [PER_GB])
        await self.bind(metered, account_id, f"line-{account_id}")
        await self.use(f"line-{account_id}", [4_250_000_000, *[4_125_000_000] * 8])
        return account_id

    async def bind(self, product_id: str, account_id: str, number: str) -> None:
        async with self.database.unit_of_work() as uow:
            await usage.bind_identifier(
                uow,
                usage.BindIdentifier(
                    kind="msisdn", value=number, product_id=product_id, account_id=account_id, valid_from=at(ACTIVATED)
                ),
                self.context,
            )

    async def use(self, number: str, octets: list[int], day: int = 20, month: int = 6) -> None:
        """Usage records of a number on a day of 2026."""
        moment = datetime.fromisoformat(f"2026-{month:02d}-{day:02d}T10:00:00+00:00")
        records = [
            RawEvent(
                body={"octets": amount},
                origin=Origin(source="test", source_ref=str(n), received_at=self.now),
                read=UsageEvent(
                    dedupe_key=f"{number}-{next(self._numbers)}",
                    usage_type="data",
                    identifier_kind=IdentifierKind.MSISDN,
                    identifier=number,
                    quantity=amount,
                    unit=Unit.OCTET,
                    occurred_at=moment,
                ),
                refused_key="",
            )
            for n, amount in enumerate(octets)
        ]
        async with self.database.unit_of_work() as uow:
            outcomes = await usage.ingest_records(uow, [*records], self.context)
        assert {outcome.outcome for outcome in outcomes} == {Outcome.RATED}


def _postal(street: str) -> Document:
    return {
        "@type": "GeographicAddressContactMedium",
        "contactType": "postal",
        "preferred": True,
        "street1": street,
        "postCode": "20457",
        "city": "Hamburg",
        "country": "DE",
    }
