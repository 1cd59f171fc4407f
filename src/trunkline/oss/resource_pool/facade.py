"""Handing out a pool's members: reserve, allocate, release, rest. Exclusivity is the row's: one member, one state, one holder.

Concurrent takers skip each other's locked rows, so that they neither wait nor get the same member.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, ReadSession, Record, UnitOfWork
from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.oss.resource_pool.contracts import Member, MemberState, PoolUse
from trunkline.oss.resource_pool.model import quarantine_of
from trunkline.oss.resource_pool.resources import resource_pools

MEMBERS_PER_CALL_MAX = 10_000
BATCH = 1_000
NAMED_MAX = 5
_COLUMNS = "pool_id, value, state, holder, until"

_DUE = f"""select {_COLUMNS} from resource_pool.member
 where tenant = $1 and until <= $2 and state = $3 order by until limit $4 for update skip locked"""

_PUT = f"""update resource_pool.member m
   set state = case when r.until is null then 'free' else 'quarantined' end, holder = null, until = r.until
  from unnest($2::text[], $3::text[], $4::timestamptz[]) as r(pool_id, value, until)
 where m.tenant = $1 and m.pool_id = r.pool_id and m.value = r.value
returning m.{_COLUMNS.replace(", ", ", m.")}"""


async def add_members(uow: UnitOfWork, pool_id: str, values: Sequence[str], context: Context) -> int:
    """Put values into a pool, in their order; those already there stay as they are. Returns how many are new.

    Raises NotFound for an unknown pool, Invalid for more than 10,000 values at once.
    """
    if len(values) > MEMBERS_PER_CALL_MAX:
        raise Invalid("tooManyMembers", f"At most {MEMBERS_PER_CALL_MAX} members in one call.", path="$.value")
    await resource_pools.get(uow, pool_id, context)
    added = await uow.fetch_value(
        """with last as (select coalesce(max(position), 0) as position from resource_pool.member
                          where tenant = $1 and pool_id = $2),
                put as (insert into resource_pool.member(tenant, pool_id, value, position, state)
                        select $1, $2, v.value, last.position + v.n, 'free'
                          from unnest($3::text[]) with ordinality v(value, n), last
                        on conflict do nothing returning 1)
           select count(*) from put""",
        context.tenant,
        pool_id,
        list(values),
    )
    uow.audit(AuditEntry.of(context, "addMembers", "resourcePool", pool_id, after={"added": added}))
    return int(added)


async def reserve(
    uow: UnitOfWork,
    pool_id: str,
    holder: str,
    context: Context,
    *,
    hold_for: timedelta | None,
    value: str | None = None,
) -> Member:
    """Take the first free member (or the one named) for `holder`; it frees itself after `hold_for` unless allocated.

    Repeating the call for the same holder returns what it has. Raises Conflict when none is free.
    """
    held = await uow.fetch_row(
        f"select {_COLUMNS} from resource_pool.member where tenant = $1 and holder = $2 and pool_id = $3 limit 1",
        context.tenant,
        holder,
        pool_id,
    )
    if held is not None:
        return _member(held)
    row = await uow.fetch_row(
        f"""update resource_pool.member m set state = 'reserved', holder = $3, until = $4
              from (select tenant, pool_id, value from resource_pool.member
                     where tenant = $1 and pool_id = $2 and state = 'free' and ($5::text is null or value = $5)
                     order by position limit 1 for update skip locked) f
             where m.tenant = f.tenant and m.pool_id = f.pool_id and m.value = f.value
         returning m.{_COLUMNS.replace(", ", ", m.")}""",
        context.tenant,
        pool_id,
        holder,
        None if hold_for is None else context.now + hold_for,
        value,
    )
    if row is None:
        raise Conflict(
            "poolExhausted" if value is None else "memberTaken",
            f"Pool {pool_id} has no free member{'' if value is None else f' {value}'}.",
            hint="Add members to the pool, or free some.",
        )
    _note(uow, "reserve", row, context)
    return _member(row)


async def allocate(uow: UnitOfWork, pool_id: str, holder: str, context: Context) -> Member:
    """Make the holder's reservation permanent. Repeating changes nothing. Raises NotFound when there is none."""
    row = await uow.fetch_row(
        f"""update resource_pool.member set state = 'allocated', until = null
             where tenant = $1 and pool_id = $2 and holder = $3 returning {_COLUMNS}""",
        context.tenant,
        pool_id,
        holder,
    )
    if row is None:
        raise NotFound("nothingReserved", f"{holder} holds nothing in pool {pool_id}.", hint="Reserve first.")
    _note(uow, "allocate", row, context)
    return _member(row)


async def release(uow: UnitOfWork, holder: str, context: Context) -> int:
    """Give back all that the holder has, in any pool: free, or resting where the pool has a quarantine. Returns how many;
    none is no error. Raises Unprocessable for a pool whose quarantine is no duration."""
    rows = await uow.fetch(
        f"select {_COLUMNS} from resource_pool.member where tenant = $1 and holder = $2 for update",
        context.tenant,
        holder,
    )
    return await _give_back(uow, "release", rows, context)


async def expire(uow: UnitOfWork, context: Context, limit: int = BATCH) -> int:
    """Give back the tenant's reservations whose time is over; the worker calls this. Returns how many, `limit` at most."""
    rows = await uow.fetch(_DUE, context.tenant, context.now, "reserved", limit)
    return await _give_back(uow, "expire", rows, context)


async def end_quarantines(uow: UnitOfWork, context: Context, limit: int = BATCH) -> int:
    """Free the tenant's members that have rested for long enough; the worker calls this. Returns how many, `limit` at
    most."""
    rows = await uow.fetch(_DUE, context.tenant, context.now, "quarantined", limit)
    return await _put(uow, "endQuarantine", rows, {}, context)


async def use_of(session: ReadSession, pool_id: str, context: Context) -> PoolUse:
    """How full the pool is now."""
    rows = await session.fetch(
        "select state, count(*) as n from resource_pool.member where tenant = $1 and pool_id = $2 group by state",
        context.tenant,
        pool_id,
    )
    count = {row["state"]: row["n"] for row in rows}
    return PoolUse(pool_id=pool_id, **{state.value: count.get(state.value, 0) for state in MemberState})


async def list_members(session: ReadSession, pool_id: str, context: Context, limit: int = 1_000) -> list[Member]:
    """The pool's members in their order."""
    rows = await session.fetch(
        f"select {_COLUMNS} from resource_pool.member where tenant = $1 and pool_id = $2 order by position limit $3",
        context.tenant,
        pool_id,
        limit,
    )
    return [_member(row) for row in rows]


async def held_members(
    session: ReadSession, context: Context, *, after: tuple[str, str] = ("", ""), limit: int = 1_000
) -> list[Member]:
    """Members of all pools that somebody holds, in order of (pool, value), those after one; for reconciliation."""
    rows = await session.fetch(
        f"""select {_COLUMNS} from resource_pool.member
             where tenant = $1 and holder is not null and (pool_id, value) > ($2, $3) order by pool_id, value limit $4""",
        context.tenant,
        *after,
        limit,
    )
    return [_member(row) for row in rows]


async def members_of(session: ReadSession, holders: Sequence[str], context: Context) -> list[Member]:
    """All that these holders have, in any pool; for reconciliation."""
    rows = await session.fetch(
        f"""select {_COLUMNS} from resource_pool.member where tenant = $1 and holder = any($2::text[])
             order by pool_id, value""",
        context.tenant,
        list(holders),
    )
    return [_member(row) for row in rows]


@resource_pools.before_delete
async def clear_pool(uow: UnitOfWork, pool_id: str, context: Context) -> None:
    """A pool goes with its free members. Raises Conflict, with some of them, while others are held or rest: who holds them
    could not give them back."""
    await uow.execute(
        "delete from resource_pool.member where tenant = $1 and pool_id = $2 and state = 'free'",
        context.tenant,
        pool_id,
    )
    rows = await uow.fetch(
        "select value, state from resource_pool.member where tenant = $1 and pool_id = $2 order by position limit $3",
        context.tenant,
        pool_id,
        NAMED_MAX + 1,
    )
    if rows:
        named = ", ".join(f"{row['value']} ({row['state']})" for row in rows[:NAMED_MAX])
        raise Conflict(
            "inUse",
            "Members of the pool are in use.",
            message=f"{named}{' and others' if len(rows) > NAMED_MAX else ''}. Nothing was deleted.",
            path="$.id",
            hint="Cease what holds them, and wait for their quarantine.",
        )


async def _give_back(uow: UnitOfWork, action: str, rows: Sequence[Record], context: Context) -> int:
    """Take these members, whose rows are locked, from their holders."""
    until = {}
    for pool_id in sorted({row["pool_id"] for row in rows}):
        period = quarantine_of(await resource_pools.find(uow, pool_id, context) or {})
        if period is not None:
            until[pool_id] = context.now + period
    return await _put(uow, action, rows, until, context)


async def _put(
    uow: UnitOfWork, action: str, rows: Sequence[Record], until: Mapping[str, datetime], context: Context
) -> int:
    """Nobody holds these members any more: those of the pools in `until` rest, the others are free."""
    if not rows:
        return 0
    pool_ids, values = [row["pool_id"] for row in rows], [row["value"] for row in rows]
    ends = [until.get(pool_id) for pool_id in pool_ids]
    for row in await uow.fetch(_PUT, context.tenant, pool_ids, values, ends):
        _note(uow, action, row, context)
    return len(rows)


def _member(row: Record) -> Member:
    return Member(
        pool_id=row["pool_id"],
        value=row["value"],
        state=MemberState(row["state"]),
        holder=row["holder"],
        until=row["until"],
    )


def _note(uow: UnitOfWork, action: str, row: Record, context: Context) -> None:
    member = {"value": row["value"], "state": row["state"], "holder": row["holder"]}
    uow.audit(AuditEntry.of(context, action, "resourcePool", row["pool_id"], after=member))
