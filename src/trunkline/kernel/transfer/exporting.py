"""Records of a resource as lines of a file, a page at a time in the order of ids."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, ReadSession
from trunkline.kernel.tmf.document import decode
from trunkline.kernel.tmf.page import read_page
from trunkline.kernel.tmf.query import Query
from trunkline.kernel.tmf.resource import Resource
from trunkline.kernel.tmf.sql_filter import Parameters
from trunkline.kernel.transfer.formats import csv_header, csv_lines

PAGE = 1_000


async def export_lines(
    database: Database, resource: Resource[Any], query: Query, context: Context, form: str = "ndjson"
) -> AsyncIterator[list[bytes]]:
    """The records that meet the query's conditions as they are stored (generation 5), a page of lines at a time.

    The first page of CSV begins with the header. Each page is as of its own instant: an export of records that change
    meanwhile is not a backup. Raises Invalid for a condition that cannot be asked.
    """
    columns: list[str] = []
    if form == "csv":
        async with database.read() as session:
            columns = await columns_of(session, resource, query, context)
        yield [csv_header(columns)]
    after = None
    while True:
        page_query = msgspec.structs.replace(query, sort=(), fields=None, offset=0, limit=PAGE, after=after)
        async with database.read() as session:
            page = await read_page(session, resource, page_query, context, count=False)
        if page.texts:
            if form == "csv":
                yield list(csv_lines(map(decode, page.texts), columns, resource.entity))
            else:
                yield [text.encode() + b"\n" for text in page.texts]
        if not page.more:
            return
        after = page.places[-1]


async def columns_of(session: ReadSession, resource: Resource[Any], query: Query, context: Context) -> list[str]:
    """The attributes that these records have: the identity, what the contract knows in its order, then one's own."""
    parameters = Parameters(context.tenant)
    where = f"tenant = $1{resource.filters.where(query, parameters)}"
    rows = await session.fetch(
        f"select distinct name from {resource.relation}, jsonb_object_keys(doc) as keys(name) where {where}",
        *parameters.values,
    )
    present = {row["name"] for row in rows}
    known = ["id", *(field.encode_name for field in msgspec.structs.fields(resource.entity))]
    return list(dict.fromkeys([*(name for name in known if name in present), *sorted(present)])) or ["id"]
