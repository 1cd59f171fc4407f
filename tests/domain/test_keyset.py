"""Pages of a sorted list, one after the other by cursor, forwards and backwards, are the whole list: whatever the keys,
equal values, values that are not there."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trunkline.bss.product_inventory.resources import products
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import Invalid
from trunkline.kernel.ids import new_id
from trunkline.kernel.tmf.page import Page
from trunkline.kernel.tmf.query import cursor, parse

pytestmark = pytest.mark.pg_matrix
_DAYS = st.sampled_from([None, *(f"2026-06-{day:02d}T00:00:00.000Z" for day in (1, 2, 3))])
_RECORD = st.fixed_dictionaries(
    {"name": st.sampled_from([None, "a", "B", "ä"]), "startDate": _DAYS, "orderDate": _DAYS, "isBundle": st.booleans()}
)
_KEY = st.tuples(st.sampled_from(["", "-"]), st.sampled_from(["name", "startDate", "orderDate", "isBundle", "status"]))


@pytest.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    opened = await Database.connect(database_dsn)
    yield opened
    await opened.close()


def _context() -> Context:
    """A fresh tenant."""
    now = datetime(2026, 6, 1, tzinfo=UTC)
    return Context(tenant=new_id(), actor="tester", channel="api", now=now, correlation_id=new_id())


async def _create(database: Database, context: Context, records: list[dict[str, Any]]) -> None:
    async with database.unit_of_work() as uow:
        for record in records:
            await products.create(uow, {k: v for k, v in record.items() if v is not None}, context, required=())


async def _page(database: Database, context: Context, query: str) -> Page:
    async with database.read() as session:
        return await products.page(session, parse(query), context)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=st.lists(_RECORD, max_size=9),
    keys=st.lists(_KEY, max_size=3, unique_by=lambda key: key[1]),
    size=st.integers(1, 4),
)
async def test_pages_by_cursor_are_the_list(
    database: Database, records: list[dict[str, Any]], keys: list[tuple[str, str]], size: int
) -> None:
    context = _context()
    await _create(database, context, records)
    query = f"sort={','.join(sign + name for sign, name in keys)}&limit={size}"
    whole = (await _page(database, context, f"{query}0")).ids
    assert len(whole) == len(records)

    page = await _page(database, context, query)
    walked, starts = list(page.ids), [page]
    while page.more:
        page = await _page(database, context, f"{query}&after={cursor(page.places[-1])}")
        assert page.total == len(records)
        walked += page.ids
        starts.append(page)
    assert walked == whole

    back = list(page.ids)
    while page.places and back[0] != whole[0]:
        page = await _page(database, context, f"{query}&before={cursor(page.places[0])}")
        back = [*page.ids, *back]
    assert back == whole


async def test_a_page_after_a_record_that_is_gone_goes_on_where_it_stood(database: Database) -> None:
    context = _context()
    await _create(database, context, [{"name": name} for name in "abcd"])
    first = await _page(database, context, "sort=name&limit=2")
    async with database.unit_of_work() as uow:
        await products.delete(uow, first.ids[1], context)
        await products.create(uow, {"name": "aa"}, context, required=())
    second = await _page(database, context, f"sort=name&limit=9&after={cursor(first.places[1])}")
    assert len(second.ids) == 2


async def test_a_cursor_whose_values_do_not_fit_the_keys_is_refused(database: Database) -> None:
    context = _context()
    await _create(database, context, [{"name": "a", "startDate": "2026-06-01T00:00:00Z"}])
    place = (await _page(database, context, "sort=name")).places[0]
    with pytest.raises(Invalid) as refused:
        await _page(database, context, f"sort=startDate&after={cursor(place)}")
    assert (refused.value.code, refused.value.path) == ("invalidCursor", "after")
