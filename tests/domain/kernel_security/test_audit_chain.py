"""The sealed audit trail: append-only, chained within a second, and telling which row was tampered with."""

import asyncio
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from trunkline.kernel.clock import Clock
from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, Database
from trunkline.kernel.ids import new_id
from trunkline.kernel.security.audit_chain import Problem, head, seal, verify_chain
from trunkline.kernel.security.sealer import Sealer

pytestmark = pytest.mark.pg_matrix


@pytest.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    opened = await Database.connect(database_dsn, clock=Clock(), max_size=6)
    await seal(opened)  # what the test before left
    yield opened
    await opened.close()


@pytest.fixture
def tenant() -> str:
    """A fresh tenant a test: the database is shared by the module, and what was sealed cannot be removed."""
    return new_id()


def context_of(database: Database, tenant: str) -> Context:
    return Context(
        tenant=tenant, actor="ann", channel="api", now=database.clock.now(), correlation_id=new_id(), reason="why"
    )


async def write(database: Database, count: int, tenant: str) -> list[str]:
    """Audit entries in transactions of their own, as requests make them; returns their ids."""
    ids = []
    for n in range(count):
        entry = AuditEntry.of(
            context_of(database, tenant),
            "change",
            "product",
            f"p{n}",
            version=n,
            before={"é": n},
            after={"é": [n, None, "\n"]},
        )
        ids.append(entry.id)
        async with database.unit_of_work() as uow:
            uow.audit(entry)
    return ids


async def check(database: Database, tenant: str) -> list[tuple[str, str]]:
    async with database.read() as session:
        return [(problem.kind, problem.subject) for problem in await verify_chain(session, tenant)]


async def tamper(database: Database, *statements: str) -> None:
    """As a superuser would: past the triggers."""
    async with database.unit_of_work() as uow:
        await uow.execute("set local session_replication_role = replica")
        for statement in statements:
            await uow.execute(statement)


async def test_the_trail_is_append_only(database: Database, tenant: str) -> None:
    await write(database, 1, tenant)
    await seal(database)
    for table in ("audit", "audit_seal"):
        for statement in ("update kernel.{} set tenant = tenant", "delete from kernel.{}", "truncate kernel.{}"):
            async with database.unit_of_work() as uow:
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                    await uow.execute(statement.format(table))
                await uow.abandon()
    assert await check(database, tenant) == []


async def test_rows_are_sealed_once_in_a_chain_by_tenant(database: Database, tenant: str) -> None:
    other_tenant = tenant + "-other"
    first = await write(database, 3, tenant)
    other = await write(database, 2, other_tenant)
    assert await seal(database) == 5
    second = await write(database, 4, tenant)
    assert await seal(database) == 4
    assert await seal(database) == 0
    async with database.read() as session:
        rows = await session.fetch(
            """select tenant, seal_no, row_count, row_ids, previous_hash, hash from kernel.audit_seal
                where starts_with(tenant, $1) order by 1, 2""",
            tenant,
        )
        assert await session.fetch_value("select count(*) from kernel.audit_pending") == 0
    expected = [(tenant, 1, first), (tenant, 2, second), (other_tenant, 1, other)]
    assert [(r["tenant"], r["seal_no"], r["row_ids"]) for r in rows] == expected
    assert [r["row_count"] for r in rows] == [3, 4, 2]
    assert rows[0]["previous_hash"] == rows[2]["previous_hash"] == b""
    assert rows[1]["previous_hash"] == rows[0]["hash"]
    assert await check(database, tenant) == await check(database, other_tenant) == []


async def test_a_rolled_back_change_leaves_nothing_to_seal(database: Database, tenant: str) -> None:
    async with database.unit_of_work() as uow:
        uow.audit(AuditEntry.of(context_of(database, tenant), "change", "product", "p"))
        await uow.flush()
        await uow.abandon()
    assert await seal(database) == 0


async def test_changed_rows_are_named_whatever_was_changed(database: Database, tenant: str) -> None:
    changes = (
        "actor = 'bob'",
        "before = '{\"é\":99}'",
        "after = null",
        "recorded_at = recorded_at + interval '1 microsecond'",
        "reason = null",
        "version = version + 1",
        "correlation_id = ''",
        "channel = 'cli'",
        "action = 'create'",
        "resource = 'service'",
        "resource_id = ''",
    )
    ids = await write(database, len(changes) + 2, tenant)
    await seal(database)
    await tamper(
        database,
        *(
            f"update kernel.audit set {change} where id = '{id_}'"
            for id_, change in zip(ids[1:-1], changes, strict=True)
        ),
    )
    assert sorted(await check(database, tenant)) == [("changed", id_) for id_ in ids[1:-1]]


async def test_a_removed_and_an_inserted_row_are_named(database: Database, tenant: str) -> None:
    ids = await write(database, 5, tenant)
    await seal(database)
    forged = new_id()
    await tamper(
        database,
        f"delete from kernel.audit where id = '{ids[1]}'",
        f"""insert into kernel.audit(tenant, id, recorded_at, actor, channel, action, resource, resource_id, version,
              correlation_id) values ('{tenant}', '{forged}', now(), 'ann', 'api', 'change', 'product', 'p', 1, '')""",
    )
    assert sorted(await check(database, tenant)) == [("inserted", forged), ("removed", ids[1])]


async def test_a_row_removed_before_it_was_sealed_is_named_too(database: Database, tenant: str) -> None:
    ids = await write(database, 2, tenant)
    await tamper(database, f"delete from kernel.audit where id = '{ids[0]}'")
    await seal(database)
    assert await check(database, tenant) == [("removed", ids[0])]


async def test_a_rewritten_seal_breaks_the_chain(database: Database, tenant: str) -> None:
    for _ in range(3):
        ids = await write(database, 2, tenant)
        await seal(database)
    await tamper(
        database,
        f"update kernel.audit set actor = 'bob' where id = '{ids[0]}'",
        f"update kernel.audit_seal set sealed_at = sealed_at - interval '1 day' where seal_no = 2 and tenant = '{tenant}'",
    )
    assert await check(database, tenant) == [("sealBroken", "2"), ("changed", ids[0])]
    await tamper(database, f"delete from kernel.audit_seal where seal_no = 2 and tenant = '{tenant}'")
    kinds = [kind for kind, _ in await check(database, tenant)]
    assert kinds.count("sealMissing") == 1
    assert kinds.count("inserted") == 2


async def test_a_trail_cut_off_at_its_end_is_found_by_an_anchor_kept_outside(database: Database, tenant: str) -> None:
    await write(database, 2, tenant)
    await seal(database)
    last = await write(database, 2, tenant)
    await seal(database)
    async with database.read() as session:
        anchor = await head(session, tenant)
        assert anchor is not None
        assert await verify_chain(session, tenant, anchor) == []
    await tamper(
        database,
        f"delete from kernel.audit where id in ('{last[0]}', '{last[1]}')",
        f"delete from kernel.audit_seal where seal_no = 2 and tenant = '{tenant}'",
    )
    async with database.read() as session:
        assert await verify_chain(session, tenant) == []
        problems: list[Problem] = await verify_chain(session, tenant, anchor)
    assert [(p.kind, p.subject) for p in problems] == [("anchorLost", "2")]


async def test_two_sealers_and_writers_at_once_never_fork_the_chain_nor_wait_for_each_other(
    database: Database, database_dsn: str, tenant: str
) -> None:
    second = await Database.connect(database_dsn, clock=Clock(), max_size=2)
    tenants = (tenant, tenant + "-other")
    stop = asyncio.Event()
    sealers = [asyncio.create_task(Sealer(at, pause_s=0.001).run(stop)) for at in (database, second, database)]
    await asyncio.gather(*(write(database, 40, to) for to in (*tenants, *tenants)))
    await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*sealers)
    await second.close()
    async with database.read() as session:
        for to in tenants:
            rows = await session.fetch(
                "select seal_no, row_ids from kernel.audit_seal where tenant = $1 order by 1", to
            )
            assert [row["seal_no"] for row in rows] == list(range(1, len(rows) + 1))
            sealed = [id_ for row in rows for id_ in row["row_ids"]]
            assert len(sealed) == len(set(sealed)) == 80
            assert len(rows) > 2, "the sealers did not work beside the writers"
            assert await check(database, to) == []


async def test_a_transaction_that_commits_late_is_sealed_although_newer_rows_were_sealed_before(
    database: Database,
    tenant: str,
) -> None:
    old = AuditEntry.of(context_of(database, tenant), "change", "product", "slow")
    async with database.unit_of_work() as slow:
        slow.audit(old)
        await slow.flush()
        newer = await write(database, 2, tenant)
        assert await seal(database) == 2
    assert await seal(database) == 1
    assert await check(database, tenant) == []
    async with database.read() as session:
        rows = await session.fetch("select row_ids from kernel.audit_seal where tenant = $1 order by seal_no", tenant)
    assert [row["row_ids"] for row in rows] == [newer, [old.id]]


async def test_the_sealer_seals_within_a_second_and_stops(database: Database, tenant: str) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(Sealer(database).run(stop))
    await asyncio.sleep(0.05)
    await write(database, 1, tenant)
    began = time.monotonic()
    async with database.read() as session:
        while not await session.fetch_value("select count(*) from kernel.audit_seal where tenant = $1", tenant):
            assert time.monotonic() - began < 1
            await asyncio.sleep(0.01)
    stop.set()
    await asyncio.wait_for(running, 2)
