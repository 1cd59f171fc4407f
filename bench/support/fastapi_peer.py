"""The peer of bench.tmf_scale: FastAPI and pydantic serving products and individuals from the same tables.

Written as FastAPI's own guide has it: models for what comes in and goes out, one statement a request, a pool. It checks no
permission, keeps no history, no audit trail, no events, no ETag, no totals; the record engine does all of that.

    python -m bench.support.fastapi_peer DSN PORT
"""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from bench.support.tmf_records import TENANT


class Extensible(BaseModel):
    """What TM Forum's documents share: a type, and attributes that nobody knew of."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)
    type: str | None = Field(default=None, alias="@type")


class PartyRef(Extensible):
    id: str
    name: str | None = None


class RelatedParty(Extensible):
    role: str
    partyOrPartyRole: PartyRef  # noqa: N815  TM Forum's name


class Ref(Extensible):
    id: str
    name: str | None = None


class Characteristic(Extensible):
    name: str
    value: Any
    valueType: str | None = None  # noqa: N815


class Money(Extensible):
    unit: str
    value: Decimal


class Price(Extensible):
    taxRate: Decimal | None = None  # noqa: N815
    dutyFreeAmount: Money | None = None  # noqa: N815
    taxIncludedAmount: Money | None = None  # noqa: N815


class ProductPrice(Extensible):
    name: str | None = None
    priceType: str  # noqa: N815
    recurringChargePeriod: str | None = None  # noqa: N815
    price: Price


class Product(Extensible):
    id: str
    href: str
    name: str | None = None
    description: str | None = None
    status: str | None = None
    isBundle: bool | None = None  # noqa: N815
    creationDate: datetime | None = None  # noqa: N815
    orderDate: datetime | None = None  # noqa: N815
    startDate: datetime | None = None  # noqa: N815
    relatedParty: list[RelatedParty] = []  # noqa: N815
    productOffering: Ref | None = None  # noqa: N815
    billingAccount: Ref | None = None  # noqa: N815
    productCharacteristic: list[Characteristic] = []  # noqa: N815
    productPrice: list[ProductPrice] = []  # noqa: N815


class ContactMedium(Extensible):
    contactType: str | None = None  # noqa: N815
    preferred: bool | None = None


class Individual(Extensible):
    familyName: str  # noqa: N815
    givenName: str  # noqa: N815
    birthDate: datetime | None = None  # noqa: N815
    contactMedium: list[ContactMedium] = []  # noqa: N815


class IndividualOut(Individual):
    id: str
    href: str


_CREATE = """insert into public.peer_individual(tenant, id, doc) values ($1, $2, $3::jsonb)"""
_READ = "select doc from product_inventory.product where tenant = $1 and id = $2"
_LIST = """select doc from product_inventory.product
 where tenant = $1 and tokens && array['relatedParty.partyOrPartyRole.id=' || $2::text] order by id limit $3"""


def application(dsn: str) -> FastAPI:
    """The application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(dsn, min_size=4, max_size=10) as pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/health/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/product/{id_}", response_model=Product, response_model_exclude_none=True)
    async def read(id_: str) -> Product:
        text = await app.state.pool.fetchval(_READ, TENANT, id_)
        if text is None:
            raise HTTPException(404)
        return Product.model_validate_json(text)

    @app.get("/product", response_model=list[Product], response_model_exclude_none=True)
    async def list_(owner: str, limit: int = 20) -> list[Product]:
        rows = await app.state.pool.fetch(_LIST, TENANT, owner, limit)
        return [Product.model_validate_json(row["doc"]) for row in rows]

    @app.post("/individual", status_code=201, response_model=IndividualOut, response_model_exclude_none=True)
    async def create(individual: Individual) -> IndividualOut:
        id_ = str(uuid4())
        sent = individual.model_dump(mode="json", by_alias=True, exclude_none=True)
        document = sent | {"id": id_, "href": f"/individual/{id_}"}
        await app.state.pool.execute(_CREATE, TENANT, id_, json.dumps(document))
        return IndividualOut.model_validate(document)

    return app


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[1]), port=int(sys.argv[2]), loop="uvloop", http="httptools", access_log=False)
