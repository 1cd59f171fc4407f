"""Invariant 13, tried: deliver events again that consumers have had, and see that nothing changes."""

import asyncio
import time
from collections.abc import Sequence

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, ReadSession, Record
from trunkline.kernel.db.fingerprint import Fingerprint, fingerprint, tables
from trunkline.kernel.errors import Conflict
from trunkline.kernel.finding import Finding

PATIENCE_S = 30.0
SETTLED_S = 1.0
TRIES = 3
RULE = "re-delivering any event changes nothing"

_NEWEST = "select id, seq from kernel.event_log where tenant = $1 order by seq desc limit $2"

# What stands behind a parked delivery could not be taken before that one is.
_AGAIN = """
insert into kernel.delivery(tenant, consumer, resource, resource_id, seq, next_at)
select i.tenant, i.consumer, e.resource, e.resource_id, e.seq, now()
  from kernel.event_log e join kernel.inbox i on i.tenant = e.tenant and i.event_id = e.id
 where e.tenant = $1 and e.seq = any($2::bigint[])
   and not exists (select 1 from kernel.delivery p
                    where p.tenant = i.tenant and p.consumer = i.consumer and p.resource = e.resource
                      and p.resource_id = e.resource_id and p.parked_at is not null)
on conflict do nothing returning consumer, seq"""

_WAITING = """
select count(*) from unnest($2::text[], $3::bigint[]) as again(consumer, seq)
  join kernel.delivery d on d.tenant = $1 and d.consumer = again.consumer and d.seq = again.seq
 where d.parked_at is null"""

_TOLD_SINCE = """
select id, type, resource, resource_id, causation_id from (
  select 1 as place, seq, id, type, resource, resource_id, causation_id from kernel.event_log
   where tenant = $1 and seq > $2
  union all
  select 2, seq, id, type, resource, resource_id, causation_id from kernel.outbox where tenant = $1) e
 order by place, seq limit 100"""


async def redelivery_findings(
    database: Database, count: int, context: Context, *, patience_s: float = PATIENCE_S
) -> list[Finding]:
    """Deliver the newest `count` events to all who have consumed them; what they caused anew, tables that changed by it,
    and deliveries that no worker took within `patience_s` seconds.

    Raises Conflict when the installation is in use, three times over: what others do meanwhile would be taken for it.
    """
    for _ in range(TRIES):
        found = await _once(database, count, context, patience_s)
        if found is not None:
            return found
    raise Conflict(
        "installationInUse",
        "Others change the installation while events are delivered again.",
        message="Whether redelivery is harmless can only be seen while nothing else happens. Stop the traffic (in a demo: "
        "TRUNKLINE_DEMO_LIFE=off) and check again.",
    )


async def _once(database: Database, count: int, context: Context, patience_s: float) -> list[Finding] | None:
    """What was found, or None when something else happened in between."""
    async with database.read() as session:
        newest = await session.fetch(_NEWEST, context.tenant, count)
        ids, numbers = {row["id"] for row in newest}, [row["seq"] for row in newest]
        if not newest:
            return []
        if await session.fetch_value("select exists (select 1 from kernel.outbox where tenant = $1)", context.tenant):
            await asyncio.sleep(SETTLED_S)
            return None
        before = await _fingerprints(session, context)
    async with database.unit_of_work() as uow:
        again = await uow.fetch(_AGAIN, context.tenant, numbers)
    database.wake()
    waiting = await _drained(database, again, context, patience_s)
    async with database.read() as session:
        after = await _fingerprints(session, context)
        told = await session.fetch(_TOLD_SINCE, context.tenant, max(numbers))
    if not _all_follow(told, ids) or (after != before and await _goes_on(database, after, context)):
        return None
    found = [
        _finding(
            f"{row['resource']} {row['resource_id']}", "no event", f"{row['type']}, caused by {row['causation_id']}"
        )
        for row in told
    ]
    found += [
        _finding(f"table {table}", str(before[table]), str(after[table]))
        for table in before
        if before[table] != after[table]
    ]
    if waiting:
        expected = f"taken within {patience_s:g} s"
        found.append(_finding(f"{len(again)} deliveries", expected, f"{waiting} wait: does a worker run?"))
    return found


def _all_follow(told: Sequence[Record], ids: set[str]) -> bool:
    """Whether each event goes back to one of those delivered again; else others are at work."""
    known = set(ids)
    for row in told:
        if row["causation_id"] not in known:
            return False
        known.add(row["id"])
    return True


async def _goes_on(database: Database, seen: dict[str, Fingerprint], context: Context) -> bool:
    """Whether tables change though nothing is delivered any more; then others are at work."""
    await asyncio.sleep(SETTLED_S)
    async with database.read() as session:
        return await _fingerprints(session, context) != seen


async def _drained(database: Database, again: Sequence[Record], context: Context, patience_s: float) -> int:
    """How many of these deliveries are left when all are taken, or when patience ends."""
    consumers, numbers = [row["consumer"] for row in again], [row["seq"] for row in again]
    deadline = time.monotonic() + patience_s
    while True:
        async with database.read() as session:
            left: int = await session.fetch_value(_WAITING, context.tenant, consumers, numbers)
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.1)


async def _fingerprints(session: ReadSession, context: Context) -> dict[str, Fingerprint]:
    """The tenant's part of each table outside of the kernel, which holds queues and trails."""
    names = [name for name in await tables(session, of_tenants=True) if not name.startswith(("kernel.", "public."))]
    return {name: await fingerprint(session, name, context.tenant) for name in names}


def _finding(subject: str, expected: str, found: str) -> Finding:
    return Finding(invariant=13, rule=RULE, subject=subject, expected=expected, found=found)
