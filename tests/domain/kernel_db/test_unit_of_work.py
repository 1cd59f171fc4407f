"""The pool and the unit of work on a real server: what is written together, and what becomes of connections."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, Database, Write
from trunkline.kernel.db.unit_of_work import ROWS_MAX
from trunkline.kernel.errors import Conflict, Unavailable
from trunkline.kernel.events.event import event

_WRITE = "update proof.thing set n = n + 1 where id = $1 returning 1"


@pytest_asyncio.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    found = await Database.connect(database_dsn, max_size=2)
    async with found.unit_of_work() as uow:
        await uow.execute("drop schema if exists proof cascade")
        await uow.execute("create schema proof")
        await uow.execute("create table proof.thing(id text primary key, n int not null)")
        await uow.execute("insert into proof.thing values ('a', 0)")
        await uow.execute("truncate kernel.outbox")
    yield found
    await found.close()


def _context(database: Database) -> Context:
    return Context(tenant="t", actor="u", channel="api", now=database.clock.now(), correlation_id="c")


async def _write(database: Database, id_: str, count: int) -> None:
    """One write with `count` events and two audit entries fewer."""
    context = _context(database)
    async with database.unit_of_work() as uow:
        uow.write(Write(sql=_WRITE, args=(id_,), missing=lambda: Conflict("gone", "It is gone.")))
        for n in range(count):
            uow.publish(
                event(context, "Told", source="proof", resource="thing", resource_id=id_, version=n, payload={"n": n})
            )
        for n in range(count - 2):
            uow.audit(AuditEntry.of(context, "change", "thing", id_, version=n, after={"n": n}))


async def _told(database: Database) -> tuple[list[int], int]:
    async with database.read() as session:
        rows = await session.fetch("select version, (payload ->> 'n')::int as n from kernel.outbox order by seq")
        entries = await session.fetch_value("select count(*) from kernel.audit where correlation_id = 'c'")
    assert [row["version"] for row in rows] == [row["n"] for row in rows]
    return [row["n"] for row in rows], entries


@pytest.mark.parametrize("count", [1, ROWS_MAX, ROWS_MAX + 2, 3 * ROWS_MAX + 1])
async def test_events_and_audit_of_any_number_are_written_in_order_with_the_change(
    database: Database, count: int
) -> None:
    _, before = await _told(database)
    await _write(database, "a", count)
    told, entries = await _told(database)
    assert told == list(range(count))
    assert entries - before == max(0, count - 2)


@pytest.mark.parametrize("count", [1, 3 * ROWS_MAX + 1])
async def test_a_write_that_meets_no_row_tells_nothing(database: Database, count: int) -> None:
    _, before = await _told(database)
    with pytest.raises(Conflict):
        await _write(database, "nobody", count)
    assert await _told(database) == ([], before)


async def test_a_session_ends_with_its_block(database: Database) -> None:
    async with database.read() as session:
        pass
    with pytest.raises(AttributeError):
        await session.fetch_value("select 1")
    async with database.unit_of_work() as uow:
        pass
    with pytest.raises(AttributeError):
        await uow.fetch_value("select 1")


async def test_the_pool_has_as_many_connections_as_it_was_given(database: Database) -> None:
    inside, leave = asyncio.Barrier(3), asyncio.Event()

    async def hold() -> int:
        async with database.read() as session:
            await inside.wait()
            await leave.wait()
            found: int = await session.fetch_value("select pg_backend_pid()")
            return found

    holders = [asyncio.create_task(hold()) for _ in range(2)]
    await inside.wait()
    assert database.pool_size() == (2, 0)
    third = asyncio.create_task(_backend(database))
    await asyncio.sleep(0.05)
    assert not third.done()
    leave.set()
    used = {await holder for holder in holders}
    assert len(used) == 2
    assert await third in used
    assert database.pool_size() == (2, 2)


async def test_who_waits_and_is_cancelled_takes_no_connection_away(database: Database) -> None:
    async with database.read(), database.read():
        waiting = [asyncio.create_task(_backend(database)) for _ in range(3)]
        await asyncio.sleep(0.02)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    async with database.read() as one, database.read() as other:
        assert await one.fetch_value("select pg_backend_pid()") != await other.fetch_value("select pg_backend_pid()")


async def test_a_lost_connection_is_told_and_replaced(database: Database) -> None:
    lost = []

    async def lose() -> None:
        async with database.unit_of_work() as uow:
            lost.append(await uow.fetch_value("select pg_backend_pid()"))
            await uow.execute("update proof.thing set n = 100 where id = 'a'")
            async with database.read() as other:
                await other.fetch_value("select pg_terminate_backend($1, 5000)", lost[0])
            await uow.fetch_value("select 1")

    with pytest.raises(Unavailable) as told:
        await lose()
    assert told.value.code == "databaseUnavailable"
    async with database.read() as session, database.read() as other:
        assert await session.fetch_value("select n from proof.thing where id = 'a'") == 0
        assert lost[0] not in {await s.fetch_value("select pg_backend_pid()") for s in (session, other)}


async def test_a_connection_lost_at_rest_is_passed_over(database: Database) -> None:
    async with database.read() as keeper:
        async with database.read() as session:
            lost = await session.fetch_value("select pg_backend_pid()")
        await keeper.fetch_value("select pg_terminate_backend($1, 5000)", lost)
        await asyncio.sleep(0.05)
        assert await _backend(database) != lost


async def test_a_cancelled_statement_leaves_a_connection_that_works(database: Database) -> None:
    async def long_read() -> None:
        async with database.read() as session:
            await session.fetch_value("select pg_sleep(30)")

    async def long_write() -> None:
        async with database.unit_of_work() as uow:
            await uow.execute("update proof.thing set n = n + 1")
            await uow.fetch_value("select pg_sleep(30)")

    for work in (long_read, long_write):
        task = asyncio.create_task(work())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5), database.read() as one, database.read() as other:
            for session in (one, other):
                assert await session.fetch_value("select n from proof.thing") == 0
    async with asyncio.timeout(5):
        await _write(database, "a", 3)


async def test_an_error_in_a_statement_ends_the_transaction_and_keeps_the_connection(database: Database) -> None:
    used = await _backend(database)

    async def fail() -> None:
        async with database.unit_of_work() as uow:
            await uow.execute("update proof.thing set n = 7")
            await uow.fetch_value("select 1 / 0")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await fail()
    assert await _backend(database) == used
    async with database.read() as session:
        assert await session.fetch_value("select n from proof.thing") == 0


async def test_after_close_there_is_no_connection(database_dsn: str) -> None:
    database = await Database.connect(database_dsn, max_size=1)
    await database.close()
    with pytest.raises(Unavailable):
        await _backend(database)


async def test_close_ends_what_does_not_end_itself(database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.kernel.db.pool.CLOSE_S", 0.2)
    database = await Database.connect(database_dsn, max_size=2)

    async def hang() -> None:
        async with database.read() as session:
            await session.fetch_value("select pg_sleep(30)")

    task = asyncio.create_task(hang())
    await asyncio.sleep(0.1)
    await database.close()
    with pytest.raises(Unavailable):
        await task


async def _backend(database: Database) -> int:
    async with database.read() as session:
        found: int = await session.fetch_value("select pg_backend_pid()")
        return found
