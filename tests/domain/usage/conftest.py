"""An operator with one database, a clock that stands, and products with a usage price."""

import gzip
import json
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trunkline.bss.product_inventory.resources import products
from trunkline.bss.usage import facade
from trunkline.bss.usage.contracts import File, Ingested, Origin, RawAccounting
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.ids import new_id

DATA = Path(__file__).parents[2] / "data" / "usage"
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


class Operator:
    """What the tests do, in the words of the domain."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.context = Context(
            tenant="t1",
            actor="test",
            channel="worker",
            now=datetime(2026, 7, 1, 4, tzinfo=UTC),
            correlation_id="c1",
            permissions=frozenset({"*"}),
        )

    async def product(self, price: str | None = "0.10", unit: str = "1 GB", account_id: str = "acc-1") -> str:
        """An active product; `price` None: without a usage price."""
        document: dict[str, Any] = {"@type": "Product", "id": new_id(), "name": "Data", "status": "active"}
        if price is not None:
            document["productPrice"] = [
                {
                    "@type": "ProductPrice",
                    "name": "Data per GB",
                    "priceType": "usage",
                    "unitOfMeasure": unit,
                    "productOfferingPrice": {"@type": "ProductOfferingPriceRef", "id": "pop-1", "name": "Data"},
                    "price": {"@type": "Price", "dutyFreeAmount": {"unit": "EUR", "value": Decimal(price)}},
                }
            ]
        async with self.database.unit_of_work() as uow:
            created = await products.create(uow, document, self.context)
        return str(created["id"])

    async def bind(
        self, value: str, product_id: str, *, since: datetime, account_id: str = "acc-1", kind: str = "radius-user"
    ) -> None:
        command = facade.BindIdentifier(
            kind=kind, value=value, product_id=product_id, account_id=account_id, valid_from=since
        )
        async with self.database.unit_of_work() as uow:
            await facade.bind_identifier(uow, command, self.context)

    async def take(self, *records: RawAccounting) -> list[Ingested]:
        """Each record in a unit of work of its own, as they come over the network."""
        results = []
        for record in records:
            async with self.database.unit_of_work() as uow:
                results.append(await facade.ingest_accounting(uow, record, self.context))
        return results

    async def feed(self, records: Iterable[RawAccounting], sha256: str = "s1") -> Any:
        """As one file."""
        given = list(records)
        return await facade.import_records(
            self.database,
            File(name="acct.jsonl", sha256=sha256, mapping="detail"),
            lambda batch_id: [with_batch(record, batch_id) for record in given],
            self.context,
        )

    async def rows(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        async with self.database.read() as session:
            return [dict(row) for row in await session.fetch(sql, *args)]

    async def findings(self) -> list[Any]:
        async with self.database.read() as session:
            return await facade.usage_findings(session, self.context)

    async def totals(self, account_id: str = "acc-1", until: datetime = NOON + timedelta(days=365)) -> list[Any]:
        async with self.database.read() as session:
            return await facade.unbilled_totals(session, account_id, until, self.context)


def with_batch(record: RawAccounting, batch_id: str) -> RawAccounting:
    origin = Origin(
        source=record.origin.source,
        source_ref=record.origin.source_ref,
        received_at=record.origin.received_at,
        shift=record.origin.shift,
        batch_id=batch_id,
    )
    return RawAccounting(attributes=record.attributes, origin=origin)


def accounting(status: str, seconds: int = 0, octets: int = 0, **other: Any) -> RawAccounting:
    """A record of user alice's session A1 on bng-1, which began at noon of the last of June (UTC)."""
    began = other.pop("began", NOON)
    shift = other.pop("shift", timedelta(0))
    at = began + timedelta(seconds=seconds)
    attributes = {
        "Acct-Status-Type": status,
        "User-Name": "alice",
        "NAS-Identifier": "bng-1",
        "NAS-Port": 17,
        "Acct-Session-Id": "A1",
        "Acct-Session-Time": seconds,
        "Acct-Output-Octets": octets % 2**32,
        "Acct-Output-Gigawords": octets // 2**32,
        "Event-Timestamp": int(at.timestamp()),
    }
    attributes |= {name.replace("_", "-"): value for name, value in other.items()}
    return RawAccounting(
        attributes=attributes, origin=Origin(source="radius", source_ref="bng-1", received_at=at, shift=shift)
    )


def synthetic() -> list[RawAccounting]:
    """The 1,261 records in their order of arrival."""
    with gzip.open(DATA / "radius-accounting.jsonl.gz", "rt") as lines:
        parsed = [json.loads(line) for line in lines]
    return [
        RawAccounting(
            attributes=dict(p["attributes"]),
            origin=Origin(source="jsonl", source_ref=f"line {n}", received_at=datetime.fromisoformat(p["arrived"])),
        )
        for n, p in enumerate(parsed, 1)
    ]


def truth() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DATA / "radius-accounting.truth.json").read_text())
    return found


@pytest.fixture
async def operator(database_dsn: str) -> AsyncIterator[Operator]:
    database = await Database.connect(database_dsn, max_size=8)
    async with database.unit_of_work() as uow:
        await uow.execute(
            "truncate usage.identifier, usage.batch, usage.raw_record, usage.session, usage.usage, kernel.outbox"
        )
    yield Operator(database)
    await database.close()
