"""One page of a list: the documents' texts and how many there are in all."""

from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf.query import Query
from trunkline.kernel.tmf.sql_filter import Parameters

if TYPE_CHECKING:
    from trunkline.kernel.tmf.resource import Resource

TOTAL_EXACT_MAX = 1_000
"""Up to this many matches the total is counted; beyond it the count stops, so that a list costs the same in a table of
any size, and the answer says that there are at least so many."""


class Page(msgspec.Struct, frozen=True):
    """`texts` are the documents' JSON; `total` is exact unless `total_is_minimum`; `ids` go with the texts; `more`
    says that records follow in the direction read."""

    texts: list[str]
    ids: list[str]
    total: int
    total_is_minimum: bool
    more: bool = False


async def read_page(
    session: ReadSession, resource: "Resource[Any]", query: Query, context: Context, *, count: bool = True
) -> Page:
    """Read a page. Raises Invalid for unknown attributes and unfit values.

    One statement, which also counts. Where a condition finds few records (one customer's) it does not count: the page
    mostly holds all there are, and to plan the count would take a third of the time; if there are more, a second
    statement counts them.
    """
    parameters = Parameters(context.tenant)
    where = f"tenant = $1{resource.filters.where(query.clauses, parameters)}"
    counts_at_once = count and not resource.filters.finds_few(query.clauses)
    counted = f"(select count(*) from (select 1 from {resource.relation} where {where} limit {TOTAL_EXACT_MAX + 1}) c)"
    count_values = list(parameters.values)
    seek = ""
    if query.after:
        seek = f" and id > {parameters.add(query.after)}"
    elif query.before:
        seek = f" and id < {parameters.add(query.before)}"
    order = resource.filters.order(query.sort, query.before is not None, parameters)
    sql = (
        f"select id, doc, {counted if counts_at_once else 'null::bigint'} as total from {resource.relation} where {where}{seek}"
        f" order by {order} limit {parameters.add(query.limit + 1)} offset {parameters.add(query.offset)}"
    )
    try:
        rows = list(await session.fetch(sql, *parameters.values))
    except asyncpg.InvalidRegularExpressionError as error:
        raise Invalid(
            "invalidRegex",
            "That is not a regular expression here.",
            message=f"PostgreSQL says: {error}.",
            path=next((clause.path for clause in query.clauses if clause.operator == "regex"), None),
        ) from error
    total = rows[0]["total"] if rows else None
    more = len(rows) > query.limit
    is_all = not (more or query.offset or query.after or query.before)
    del rows[query.limit :]
    if query.before:
        rows.reverse()
    if not count:
        total = 0
    elif is_all:
        total = len(rows)
    elif total is None:
        total = await session.fetch_value(f"select {counted}", *count_values)
    return Page(
        texts=[row["doc"] for row in rows],
        ids=[row["id"] for row in rows],
        total=min(total, TOTAL_EXACT_MAX),
        total_is_minimum=total > TOTAL_EXACT_MAX,
        more=more,
    )


def check_instant(text: str) -> Invalid:
    """The error for an `asOf` that is no instant."""
    return Invalid("invalidValue", f"{text[:60]!r} is not an instant with a zone.", path="asOf")
