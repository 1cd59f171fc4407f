"""Lists find their rows by index in a table that is worth one, and lists and creates take one round trip."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from trunkline.bss.party.resources import individuals
from trunkline.bss.product_inventory.resources import products
from trunkline.bss.trouble_ticket.resources import trouble_tickets
from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession, UnitOfWork
from trunkline.kernel.tmf.page import REFERRING_MAX, referring, scan
from trunkline.kernel.tmf.query import Clause, cursor, parse

pytestmark = pytest.mark.pg_matrix
ROWS = 200_000
CONTEXT = Context(
    tenant="plans", actor="tester", channel="api", now=datetime(2026, 6, 1, tzinfo=UTC), correlation_id="plans"
)
_FILL = """insert into product_inventory.product
   (tenant, id, version, state, created_at, updated_at, tokens, doc, name, start_date, termination_date)
 select 'plans', 'p-' || lpad(n::text, 6, '0'), 1,
        case when n % 30 = 0 then 'aborted' else (array['active', 'suspended', 'terminated'])[1 + n % 3] end,
        $2::timestamptz, $2::timestamptz,
        array['relatedParty.partyOrPartyRole.id=c-' || n % 10000, 'productOffering.id=fibre',
              'productCharacteristic.speed=' || n % 5000],
        jsonb_build_object('id', 'p-' || lpad(n::text, 6, '0'), 'name', 'Line ' || n % 5000,
                           'description', repeat('x', 400)),
        'Line ' || n % 5000, $2::timestamptz + n * interval '1 minute', null
   from generate_series(1, $1::int) n"""

_FILL_TICKETS = """insert into trouble_ticket.trouble_ticket
   (tenant, id, version, state, created_at, updated_at, tokens, doc)
 select 'plans', 't-' || n, 1, 'pending', $2::timestamptz, $2::timestamptz, array['externalIdentifier.id=x-' || n],
        jsonb_build_object('id', 't-' || n)
   from generate_series(1, $1::int) n"""


class Looking(ReadSession):
    """Remembers the statements, and how PostgreSQL would run each with these very values."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        super().__init__(connection)
        self.plans: list[str] = []

    async def fetch(self, sql: str, *args: Any) -> Any:
        await self._look(sql, args)
        return await super().fetch(sql, *args)

    async def fetch_value(self, sql: str, *args: Any) -> Any:
        await self._look(sql, args)
        return await super().fetch_value(sql, *args)

    async def _look(self, sql: str, args: tuple[Any, ...]) -> None:
        if sql.startswith("explain"):
            return  # the estimate of a total reads nothing
        self.plans.append("\n".join(row[0] for row in await self._connection.fetch(f"explain {sql}", *args)))


@pytest.fixture
async def connection(database_dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to a database with many products, of whose spread the planner knows."""
    opened = await asyncpg.connect(database_dsn)
    if not await opened.fetchval("select exists (select 1 from product_inventory.product)"):
        await opened.execute(_FILL, ROWS, CONTEXT.now)
        await opened.execute("vacuum (analyze) product_inventory.product")
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("query", "index", "found", "total"),
    [
        ("id=p-000123&limit=20", "pk_product", 1, 1),
        ("id=p-000123,p-000124", "pk_product", 2, 2),
        ("name=Line%20123&limit=100", "ix_product_name", 40, 40),
        ("relatedParty.partyOrPartyRole.id=c-123", "ix_product_tokens", 20, 20),
        ("relatedParty.partyOrPartyRole.id=c-123&status=active", "ix_product_tokens", 7, 7),
        ("relatedParty.partyOrPartyRole.id=nobody", "ix_product_tokens", 0, 0),
        ("productCharacteristic.speed=123", "ix_product_tokens", 40, 40),
        ("startDate.gte=2026-06-02T00:00:00Z&startDate.lt=2026-06-02T00:30:00Z", "ix_product_start_date", 30, 30),
    ],
)
async def test_a_list_reads_by_index_in_one_statement(
    connection: "asyncpg.Connection[asyncpg.Record]", query: str, index: str, found: int, total: int
) -> None:
    session = Looking(connection)
    page = await products.page(session, parse(query), CONTEXT)
    assert (len(page.texts), page.total) == (found, total)
    assert len(session.plans) == 1
    assert "Seq Scan" not in session.plans[0]
    assert index in session.plans[0]


async def test_a_record_is_found_by_the_id_that_others_gave_it(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    await connection.execute(_FILL_TICKETS, ROWS, CONTEXT.now)
    await connection.execute("vacuum (analyze) trouble_ticket.trouble_ticket")
    session = Looking(connection)
    page = await trouble_tickets.page(session, parse("externalIdentifier.id=x-777"), CONTEXT)
    assert page.ids == ["t-777"]
    assert "Seq Scan" not in session.plans[0]
    assert "ix_trouble_ticket_tokens" in session.plans[0]


@pytest.mark.parametrize(
    ("query", "index", "there"),
    [
        ("limit=20", "pk_product", ROWS),
        ("offset=200&limit=20", "pk_product", ROWS),
        ("status=suspended&limit=20", "ix_product_state", ROWS // 3),
        ("startDate.gte=2026-07-01T00:00:00Z&limit=20", "pk_product", ROWS - 30 * 24 * 60 + 1),
        ("sort=-startDate&limit=20", "ix_product_start_date", ROWS),
    ],
)
async def test_a_total_of_many_is_estimated_and_nothing_is_read_for_it(
    connection: "asyncpg.Connection[asyncpg.Record]", query: str, index: str, there: int
) -> None:
    session = Looking(connection)
    page = await products.page(session, parse(query), CONTEXT)
    assert (len(page.texts), page.total_is_estimate) == (20, True)
    assert page.total == pytest.approx(there, rel=0.1)
    assert len(session.plans) == 1
    assert "Seq Scan" not in session.plans[0]
    assert index in session.plans[0]


@pytest.mark.parametrize(
    ("sort", "indexes"),
    [
        ("-startDate", {"ix_product_start_date"}),
        ("name", {"ix_product_name"}),
        ("status,-startDate", {"ix_product_state", "ix_product_start_date"}),
    ],
)
async def test_the_page_after_a_cursor_is_read_by_the_index_of_the_sort_key(
    connection: "asyncpg.Connection[asyncpg.Record]", sort: str, indexes: set[str]
) -> None:
    session = Looking(connection)
    first = await products.page(session, parse(f"sort={sort}&limit=20"), CONTEXT)
    session.plans.clear()
    second = await products.page(session, parse(f"sort={sort}&limit=20&after={cursor(first.places[-1])}"), CONTEXT)
    assert len(second.texts) == 20
    assert not set(first.ids) & set(second.ids)
    assert len(session.plans) == 1
    assert "Seq Scan" not in session.plans[0]
    assert any(index in session.plans[0] for index in indexes)
    back = await products.page(session, parse(f"sort={sort}&limit=20&before={cursor(second.places[0])}"), CONTEXT)
    assert back.ids == first.ids


async def test_a_page_by_state_reads_the_index_in_its_order(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """Not all rows of the state, to be sorted: the page stays as cheap when a million are active."""
    session = Looking(connection)
    await products.page(session, parse("status=suspended&limit=20"), CONTEXT)
    assert "Sort" not in session.plans[0]


async def test_a_reference_that_many_records_have_takes_a_second_statement(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    session = Looking(connection)
    page = await products.page(session, parse("productOffering.id=fibre&limit=20"), CONTEXT)
    assert (len(page.texts), page.total_is_estimate) == (20, True)
    assert len(session.plans) == 2
    page = await products.page(session, parse("relatedParty.partyOrPartyRole.id=c-123&offset=15&limit=20"), CONTEXT)
    assert (len(page.texts), page.total) == (5, 20)


async def test_a_create_without_references_is_one_statement(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """Record, event and audit entry go together, so there is no transaction to begin and commit either."""
    sent: list[str] = []
    for name in ("First", "Second"):  # at the first, asyncpg asks for the types it has not met on this connection
        sent.clear()
        uow = UnitOfWork(connection)
        with connection.query_logger(lambda query: sent.append(query.query)):
            await individuals.create(uow, {"familyName": "Line", "givenName": name}, CONTEXT)
            await uow.finish()
    assert len(sent) == 1
    for table in ("party.individual", "kernel.outbox", "kernel.audit"):
        assert await connection.fetchval(f"select count(*) from {table}") == 2


async def test_a_scan_reads_each_record_once_a_page_at_a_time(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Each page is one statement that begins where the one before it ended."""
    session = Looking(connection)
    aborted = Clause("status", "eq", ("aborted",))
    pages = [page async for page in scan(session, products, (aborted,), CONTEXT, size=1000)]
    assert [len(page) for page in pages] == [1000] * 6 + [666]
    assert len({product["id"] for page in pages for product in page}) == 6666
    assert len(session.plans) == 7
    assert all("Seq Scan" not in plan for plan in session.plans[1:-1])


async def test_those_who_refer_to_many_are_looked_up_in_the_index(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    session = Looking(connection)
    to = Clause("relatedParty.partyOrPartyRole.id", "eq", tuple(f"c-{n}" for n in range(500)))
    found = await referring(session, products, to, CONTEXT)
    assert len({product["id"] for product in found}) == len(found) == 500 * 20
    assert "ix_product_tokens" in session.plans[0]
    assert "Seq Scan" not in session.plans[0]
    active = Clause("status", "eq", ("active",))
    wanted = sum(n % 10_000 < 500 and n % 3 == 0 and n % 30 > 0 for n in range(1, ROWS + 1))
    assert len(await referring(session, products, to, CONTEXT, (active,))) == wanted
    nobody = Clause("relatedParty.partyOrPartyRole.id", "eq", ("nobody",))
    assert await referring(session, products, nobody, CONTEXT) == []


async def test_of_those_who_refer_to_one_at_most_a_hundred_are_read(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    fibre = Clause("productOffering.id", "eq", ("fibre", "none"))
    assert len(await referring(Looking(connection), products, fibre, CONTEXT)) == REFERRING_MAX


@pytest.mark.parametrize("path", ["id", "name", "description"])
async def test_a_path_that_is_not_in_the_token_index_is_refused(
    connection: "asyncpg.Connection[asyncpg.Record]", path: str
) -> None:
    with pytest.raises(ValueError, match="not in the token index"):
        await referring(Looking(connection), products, Clause(path, "eq", ("x",)), CONTEXT)
