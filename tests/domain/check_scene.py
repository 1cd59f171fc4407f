"""A line in service, whole and in order: product, services, port, subscriber, usage, a bill; all of it told and sealed."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.domain.billing.scene import ACTIVATED, INSTALL, MONTHLY, PER_GB, Scene
from trunkline.app.check import run_checks
from trunkline.app.wiring import STUBBED
from trunkline.app.wiring import resources as all_resources
from trunkline.bss.billing.contracts import RunBills
from trunkline.bss.billing.facade import run_bills
from trunkline.bss.customer.resources import customers
from trunkline.bss.product_catalog.resources import product_offerings, product_specifications
from trunkline.kernel.db import Database, UnitOfWork
from trunkline.kernel.events.relay import Relay
from trunkline.kernel.finding import Finding
from trunkline.kernel.ids import new_id
from trunkline.kernel.security.audit_chain import seal
from trunkline.kernel.tmf import Document
from trunkline.oss.activation import aaa
from trunkline.oss.activation.sealing import load_key
from trunkline.oss.resource_inventory.resources import resources
from trunkline.oss.resource_pool import facade as pools
from trunkline.oss.resource_pool.resources import resource_pools
from trunkline.oss.service_inventory.resources import services

_OF: Document = {"serviceSpecification": {"@type": "ServiceSpecificationRef", "id": "cfs-internet"}}


class Line:
    """One tenant with one line. `ids` are what findings name."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.database = scene.database
        self.tenant = scene.tenant
        self.ids: dict[str, str] = {name: new_id() for name in ("product", "cfs", "rfs", "port")}
        self.ids["user"] = f"line-{self.ids['rfs']}"

    @classmethod
    async def make(cls, database: Database, folder: Path) -> "Line":
        """A line that was ordered, works, was used, billed, and of which all is told and sealed."""
        line = cls(Scene(database))
        await line.scene.operator()
        line.ids["account"] = await line.scene.account()
        await line._catalog()
        await line._network(folder)
        await line._products()
        await run_bills(database, new_id(), RunBills(cut_off_date=date(2026, 7, 1)), line.scene.context)
        await line._life_of_the_customer()
        await line.settle()
        async with database.read() as session:
            line.ids["audit"] = await session.fetch_value(
                "select id from kernel.audit where tenant = $1 and resource_id = $2 and version = 2",
                line.tenant,
                line.ids["customer"],
            )
        return line

    async def settle(self) -> None:
        """What the worker does all the time: events go to the log, audit rows under a seal."""
        relay = Relay(self.database, [], [], STUBBED)
        while (await relay.move()).events:
            pass
        while await seal(self.database):
            pass

    async def findings(self, **options: Any) -> list[Finding]:
        """What the check finds in the tenant."""
        report = await run_checks(self.database, all_resources(), self.scene.context, second_look_s=0, **options)
        return report.findings

    async def seed(self, *statements: str) -> None:
        """Carry out SQL past the triggers, as only a superuser can; $1 is the tenant, the ids stand in braces."""
        async with self.database.unit_of_work() as uow:
            await uow.execute("set local session_replication_role = replica")
            for statement in statements:
                assert await uow.execute(statement.format(**self.ids), self.tenant) > 0, statement

    async def _catalog(self) -> None:
        async with self.database.unit_of_work() as uow:
            await product_specifications.create(
                uow,
                {
                    "id": "access",
                    "@type": "ProductSpecification",
                    "name": "Access",
                    "serviceSpecification": [{"@type": "ServiceSpecificationRef", "id": "cfs-internet"}],
                },
                self.scene.context,
            )
            await product_offerings.create(
                uow,
                {
                    "id": "fibre-500",
                    "@type": "ProductOffering",
                    "name": "Fibre 500",
                    "lifecycleStatus": "Active",
                    "productSpecification": {"@type": "ProductSpecificationRef", "id": "access"},
                },
                self.scene.context,
            )

    async def _network(self, folder: Path) -> None:
        context, since = self.scene.context, {"startDate": ACTIVATED}
        async with self.database.unit_of_work() as uow:
            await aaa.publish_key(uow, load_key(folder))
            await resource_pools.create(uow, {"id": "ports", "@type": "ResourcePool", "name": "Ports"}, context)
            await pools.add_members(uow, "ports", ["1/1/1", "1/1/2"], context)
            await pools.reserve(uow, "ports", self.ids["port"], context, hold_for=timedelta(days=60))
            await pools.allocate(uow, "ports", self.ids["port"], context)
            await resources.create(
                uow,
                {
                    "id": self.ids["port"],
                    "@type": "LogicalResource",
                    "@baseType": "Resource",
                    "name": "port",
                    "allocationStatus": "allocated",
                    "value": "1/1/1",
                    "pool": {"id": "ports"},
                },
                context,
            )
            await self._service(uow, "cfs", since | {"supportingService": [_ref(self.ids["rfs"])]} | self._realises())
            await self._service(uow, "rfs", since | {"serviceCharacteristic": [_text("userName", self.ids["user"])]})
            await aaa.put_subscriber(
                uow,
                aaa.PutSubscriber(user_name=self.ids["user"], secret="four words", service_id=self.ids["rfs"]),
                context,
            )

    async def _service(self, uow: UnitOfWork, name: str, changed: Document) -> None:
        document = {"id": self.ids[name], "@type": "Service", "name": name, "state": "active", **_OF, **changed}
        await services.create(uow, document, self.scene.context)

    def _realises(self) -> Document:
        entity = {"@type": "EntityRef", "id": self.ids["product"], "@referredType": "Product"}
        return {"relatedEntity": [{"@type": "RelatedEntityRefOrValue", "role": "product", "entity": entity}]}

    async def _products(self) -> None:
        account = self.ids["account"]
        await self.scene.product(
            account,
            "Fibre 500",
            [MONTHLY, INSTALL],
            id=self.ids["product"],
            productOffering={"@type": "ProductOfferingRef", "id": "fibre-500"},
            realizingService=[_ref(self.ids["cfs"])],
        )
        self.ids["data"] = await self.scene.product(account, "Data per GB", [PER_GB])
        await self.scene.bind(self.ids["data"], account, "49301")
        await self.scene.use("49301", [4_250_000_000, 4_125_000_000])
        async with self.database.read() as session:
            self.ids["record"] = await session.fetch_value(
                "select id from usage.raw_record where tenant = $1 and quantity = 4250000000", self.tenant
            )

    async def _life_of_the_customer(self) -> None:
        """A change, and another customer that comes and goes: the trail has versions and a deletion."""
        async with self.database.unit_of_work() as uow:
            (customer,) = await customers.select(uow, self.scene.context)
            self.ids["customer"], self.ids["made"] = customer["id"], _utc(self.scene.now)
            party = customer["engagedParty"]
            gone = {"@type": "Customer", "name": "Gone", "engagedParty": party}
            self.ids["gone"] = (await customers.create(uow, gone, self.scene.context))["id"]
        for change in (self._rename, self._remove):
            self.scene.now += timedelta(hours=1)
            async with self.database.unit_of_work() as uow:
                await change(uow)

    async def _rename(self, uow: UnitOfWork) -> None:
        self.ids["renamed"] = _utc(self.scene.now)
        await customers.patch(uow, self.ids["customer"], {"name": "Second Line"}, self.scene.context)

    async def _remove(self, uow: UnitOfWork) -> None:
        await customers.delete(uow, self.ids["gone"], self.scene.context)


def _utc(instant: datetime) -> str:
    """An instant as findings write it."""
    return instant.astimezone(UTC).isoformat()


def _ref(id_: str) -> Document:
    return {"@type": "ServiceRef", "id": id_}


def _text(name: str, value: str) -> Document:
    return {"@type": "StringCharacteristic", "name": name, "valueType": "string", "value": value}
