"""Invariant 13, tried: deliver events again that consumers have had, and see that nothing changes."""

import asyncio
import time

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, ReadSession
from trunkline.kernel.finding import Finding

PATIENCE_S = 30
RULE = "re-delivering any event changes nothing"

_TABLES = """
select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema', 'public', 'kernel')
   and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant')
 order by 1"""

_AGAIN = """
with newest as (select tenant, id, resource, resource_id, seq from kernel.event_log
                 where tenant = $1 order by seq desc limit $2)
insert into kernel.delivery(tenant, consumer, resource, resource_id, seq, next_at)
select i.tenant, i.consumer, e.resource, e.resource_id, e.seq, now()
  from newest e join kernel.inbox i on i.tenant = e.tenant and i.event_id = e.id
on conflict do nothing"""


async def redelivery_findings(database: Database, count: int, context: Context) -> list[Finding]:
    """Deliver the newest `count` events to all who have consumed them; tables that changed by it, and deliveries that
    no worker took."""
    async with database.read() as session:
        before = await _fingerprints(session, context)
    async with database.unit_of_work() as uow:
        delivered = await uow.execute(_AGAIN, context.tenant, count)
    database.wake()
    waiting = await _drained(database, context)
    async with database.read() as session:
        after = await _fingerprints(session, context)
    found = [
        Finding(invariant=13, rule=RULE, subject=f"table {table}", expected=before[table], found=after[table])
        for table in before
        if before[table] != after[table]
    ]
    if waiting:
        found.append(
            Finding(
                invariant=13,
                rule=RULE,
                subject=f"{delivered} deliveries",
                expected=f"taken within {PATIENCE_S} s",
                found=f"{waiting} wait: does a worker run?",
            )
        )
    return found


async def _drained(database: Database, context: Context) -> int:
    """How many deliveries are left when all are taken, or when patience ends."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        async with database.read() as session:
            left: int = await session.fetch_value(
                "select count(*) from kernel.delivery where tenant = $1 and parked_at is null", context.tenant
            )
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.1)


async def _fingerprints(session: ReadSession, context: Context) -> dict[str, str]:
    """Table → number of the tenant's rows and a hash of their content, whatever their order."""
    found = {}
    for row in await session.fetch(_TABLES):
        table = row[0]
        counted = await session.fetch_row(
            f"""select count(*) as n, coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text as content
                  from {table} t where tenant = $1""",
            context.tenant,
        )
        assert counted is not None  # an aggregate has a row
        found[table] = f"{counted['n']} rows, {counted['content']}"
    return found
