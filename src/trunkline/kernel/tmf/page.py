"""One page of a list: the documents' texts and how many there are in all; and all pages, one after the other."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.db.session import Record
from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf.document import Document, decode
from trunkline.kernel.tmf.keyset import Place, SortKey, beyond, order_by
from trunkline.kernel.tmf.query import Clause, Query
from trunkline.kernel.tmf.sql_filter import Parameters

if TYPE_CHECKING:
    from trunkline.kernel.tmf.resource import Resource

TOTAL_EXACT_MAX = 1_000
"""Up to this many matches the total is counted; beyond it the count stops, so that a list costs the same in a table of
any size, and the answer has PostgreSQL's estimate and says so."""

REFERRING_MAX = 100


class Page(msgspec.Struct, frozen=True):
    """`texts` are the documents' JSON; `places` go with the texts; `total` is exact unless `total_is_estimate`; `more`
    says that records follow in the direction read."""

    texts: list[str]
    places: list[Place]
    total: int
    total_is_estimate: bool
    more: bool = False

    @property
    def ids(self) -> list[str]:
        """The records' ids."""
        return [place.id for place in self.places]


async def read_page(
    session: ReadSession, resource: "Resource[Any]", query: Query, context: Context, *, count: bool = True
) -> Page:
    """Read a page, mostly in one statement. Raises Invalid for unknown attributes and unfit values."""
    rows: list[Record] | None = None
    if not (query.after or query.before) and resource.filters.finds_few(query):
        rows = await _read(session, _few(resource, query, context), query)
        # a full set means that there were more than it holds, so the page may lie outside of it
        if rows[0]["total"] > TOTAL_EXACT_MAX if rows else query.offset:
            rows = None
    if rows is None:
        rows = await _read(session, _any(resource, query, context, count), query)
    total = rows[0]["total"] if rows else None
    more = len(rows) > query.limit
    if not count:
        total = 0
    elif total is None:
        is_all = not (query.offset or query.after or query.before)
        total = 0 if is_all else await _count(session, resource, query, context)
    estimated = total > TOTAL_EXACT_MAX
    if estimated:
        total = await _estimate(session, resource, query, context)
    del rows[query.limit :]
    if query.before:
        rows.reverse()
    return Page(
        texts=[row["doc"] for row in rows],
        places=[Place(row["id"], tuple(row["keys"])) for row in rows]
        if query.sort
        else [Place(row["id"]) for row in rows],
        total=total,
        total_is_estimate=estimated,
        more=more,
    )


async def scan(
    session: ReadSession, resource: "Resource[Any]", clauses: tuple[Clause, ...], context: Context, *, size: int = 500
) -> AsyncIterator[list[Document]]:
    """All records that meet the conditions, `size` at a time in order of id: what looks at everything holds one page of
    it. Pages that come later see what was changed meanwhile."""
    after: Place | None = None
    while True:
        query = Query(clauses=clauses, limit=size, after=after)
        page = await read_page(session, resource, query, context, count=False)
        if page.texts:
            yield [decode(text) for text in page.texts]
        if not page.more:
            return
        after = page.places[-1]


async def referring(
    session: ReadSession, resource: "Resource[Any]", to: Clause, context: Context, also: tuple[Clause, ...] = ()
) -> list[Document]:
    """The records that refer to any of many values, at most a hundred a value, in order of id.

    to    equality with the values, at a path that the token index serves
    also  further conditions
    One look into the index a value: given all of them at once, the planner expects so many records that it reads the
    whole table. Raises ValueError for a path without index.
    """
    if to.path == "id" or not resource.filters.finds_few(Query(clauses=(to,))):
        raise ValueError(f"{resource.name}.{to.path} is not in the token index")
    parameters = Parameters(context.tenant, [f"{to.path}={value}" for value in to.values])
    where = f"tenant = $1 and tokens && array[token.text]{resource.filters.where(Query(clauses=also), parameters)}"
    rows = await session.fetch(
        f"""select distinct on (found.id) found.doc from unnest($2::text[]) as token(text)
             cross join lateral (select id, doc from {resource.relation} where {where} limit {REFERRING_MAX}) found
             order by found.id""",
        *parameters.values,
    )
    return [decode(row["doc"]) for row in rows]


_Statement = tuple[str, list[Any]]


def _few(resource: "Resource[Any]", query: Query, context: Context) -> _Statement:
    """Where a reference is asked for: fetch what has it, then sort. Left to itself the planner, which knows nothing of
    rare tokens, walks a large table in the order of ids until the page is full: seconds instead of a millisecond."""
    parameters = Parameters(context.tenant)
    where = f"tenant = $1{resource.filters.where(query, parameters)}"
    found = f"(select * from {resource.relation} where {where} limit {TOTAL_EXACT_MAX + 1}) found"
    keys = resource.filters.sort_keys(query, parameters)
    place = f"limit {parameters.add(query.limit + 1)} offset {parameters.add(query.offset)}"
    selected = f"select id, doc{_keys(keys)}, count(*) over () as total from {found}"
    return f"{selected} order by {order_by(keys, backwards=False)} {place}", parameters.values


def _any(resource: "Resource[Any]", query: Query, context: Context, count: bool) -> _Statement:
    """A page in the order of an index, and the count beside it."""
    parameters = Parameters(context.tenant)
    where = f"tenant = $1{resource.filters.where(query, parameters)}"
    counted = _counted(resource, where) if count else "0"
    backwards = query.before is not None
    keys = resource.filters.sort_keys(query, parameters)
    if backwards:
        keys = [key.reversed() for key in keys]
    order = order_by(keys, backwards=backwards)
    limit = f"limit {parameters.add(query.limit + 1)}"
    selected = f"select id, doc{_keys(keys)}, {counted} as total from {resource.relation} where {where}"
    place = query.before or query.after
    if place is None:
        return f"{selected} order by {order} {limit} offset {parameters.add(query.offset)}", parameters.values
    parts = beyond(keys, place, parameters.add, backwards=backwards)
    if len(parts) == 1:
        return f"{selected}{parts[0]} order by {order} {limit}", parameters.values
    part = f"(select * from {resource.relation} where {where}{{}} order by {order} {limit})"
    found = " union all ".join(part.format(condition) for condition in parts)
    return (
        f"select id, doc{_keys(keys)}, {counted} as total from ({found}) v order by {order} {limit}",
        parameters.values,
    )


def _keys(keys: list[SortKey]) -> str:
    """The sort keys as texts, of which a place is made."""
    return f", array[{', '.join(f'{key.sql}::text' for key in keys)}] as keys" if keys else ""


def _counted(resource: "Resource[Any]", where: str) -> str:
    return f"(select count(*) from (select 1 from {resource.relation} where {where} limit {TOTAL_EXACT_MAX + 1}) c)"


async def _count(session: ReadSession, resource: "Resource[Any]", query: Query, context: Context) -> int:
    """The total beside a page that has no rows to carry it."""
    parameters = Parameters(context.tenant)
    where = f"tenant = $1{resource.filters.where(query, parameters)}"
    total: int = await session.fetch_value(f"select {_counted(resource, where)}", *parameters.values)
    return total


async def _estimate(session: ReadSession, resource: "Resource[Any]", query: Query, context: Context) -> int:
    """How many there are where there are too many to count, as PostgreSQL's statistics have it."""
    parameters = Parameters(context.tenant)
    where = f"tenant = $1{resource.filters.where(query, parameters)}"
    plan = await session.fetch_value(
        f"explain (format json) select 1 from {resource.relation} where {where}", *parameters.values
    )
    rows: int = decode(plan)[0]["Plan"]["Plan Rows"]
    return max(TOTAL_EXACT_MAX + 1, rows)


async def _read(session: ReadSession, statement: _Statement, query: Query) -> list[Record]:
    try:
        return list(await session.fetch(statement[0], *statement[1]))
    except asyncpg.InvalidRegularExpressionError as error:
        raise Invalid(
            "invalidRegex",
            "That is not a regular expression here.",
            message=f"PostgreSQL says: {error}.",
            path=next((clause.path for clause in query.clauses if clause.operator == "regex"), None),
        ) from error
    except asyncpg.DataError as error:
        if query.sort and (query.after or query.before):
            raise Invalid(
                "invalidCursor", "That cursor was not given out here.", path="after" if query.after else "before"
            ) from error
        raise


def check_instant(text: str) -> Invalid:
    """The error for an `asOf` that is no instant."""
    return Invalid("invalidValue", f"{text[:60]!r} is not an instant with a zone.", path="asOf")
