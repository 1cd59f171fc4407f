"""The sealed audit trail: rows are written with their change, and chained by hash afterwards, in batches.

    seal n = sha256( hash of seal n-1 ‖ "<tenant>:<n>:<sealed_at in µs>" ‖ row hash ‖ row hash ‖ … )

A row's hash covers every column. The chain is by tenant, so that a tenant's trail can be proven by itself. The hashes
are computed in PostgreSQL by `sha256()`; the statement is here and not in a function of the database, so that who can
change the database does not thereby change what the check computes.
"""

from typing import Literal

import msgspec

from trunkline.kernel.db import Database, ReadSession

BATCH = 2_000
_ADVISORY_KEY = 7_266_003
_SHOWN_MAX = 100

_ROW_HASH = """sha256(convert_to(jsonb_build_array(a.tenant, a.id, (extract(epoch from a.recorded_at) * 1000000)::bigint,
    a.actor, a.channel, a.action, a.resource, a.resource_id, a.version, a.reason, a.correlation_id,
    a.before::text, a.after::text)::text, 'UTF8'))"""
_SEAL_HASH = """sha256({previous} || convert_to({tenant} || ':' || {seal_no} || ':' ||
    (extract(epoch from {sealed_at}) * 1000000)::bigint, 'UTF8') || {joined})"""
_MISSING = "sha256('missing'::bytea)"

_SEAL = f"""with taken as (
      delete from kernel.audit_pending where ctid = any(array(select ctid from kernel.audit_pending limit $1))
      returning tenant, id),
    hashed as (
      select t.tenant, t.id, case when a.id is null then {_MISSING} else {_ROW_HASH} end as row_hash
        from taken t left join kernel.audit a on a.tenant = t.tenant and a.id = t.id),
    grouped as (
      select tenant, count(*)::int as n, array_agg(id order by id) as ids, array_agg(row_hash order by id) as hashes,
             string_agg(row_hash, ''::bytea order by id) as joined
        from hashed group by tenant),
    numbered as (
      select g.*, coalesce(h.seal_no, 0) + 1 as seal_no, coalesce(h.hash, ''::bytea) as previous, $2::timestamptz as at
        from grouped g left join lateral (
          select s.seal_no, s.hash from kernel.audit_seal s where s.tenant = g.tenant order by s.seal_no desc limit 1) h
        on true)
    insert into kernel.audit_seal(tenant, seal_no, sealed_at, row_count, row_ids, row_hashes, previous_hash, hash)
    select tenant, seal_no, at, n, ids, hashes, previous,
           {_SEAL_HASH.format(previous="previous", tenant="tenant", seal_no="seal_no", sealed_at="at", joined="joined")}
      from numbered returning row_count"""

_CHAIN = f"""select seal_no, row_count = cardinality(row_ids) and row_count = cardinality(row_hashes) as counted,
    hash, previous_hash, previous_hash = coalesce(lag(hash) over (order by seal_no), ''::bytea) as linked,
    hash = {
    _SEAL_HASH.format(
        previous="previous_hash",
        tenant="tenant",
        seal_no="seal_no",
        sealed_at="sealed_at",
        joined="coalesce((select string_agg(h, ''::bytea order by n) from unnest(row_hashes) with ordinality u(h, n)), ''::bytea)",
    )
} as intact
    from kernel.audit_seal where tenant = $1 order by seal_no"""

_ROWS = f"""select u.id, a.id is null as removed
    from kernel.audit_seal s cross join lateral unnest(s.row_ids, s.row_hashes) u(id, row_hash)
    left join kernel.audit a on a.tenant = s.tenant and a.id = u.id
   where s.tenant = $1 and s.seal_no between $2 and $3
     and (a.id is null or {_ROW_HASH} <> u.row_hash) limit $4"""

_UNSEALED = """select a.id from kernel.audit a
   where a.tenant = $1
     and not exists (select 1 from (select unnest(row_ids) id from kernel.audit_seal where tenant = $1) s where s.id = a.id)
     and not exists (select 1 from kernel.audit_pending p where p.tenant = $1 and p.id = a.id) limit $2"""
_SEALS_AT_ONCE = 200


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a tenant's trail; `subject` is the audit row's id or the seal's number."""

    kind: Literal["changed", "removed", "inserted", "sealBroken", "sealMissing", "anchorLost"]
    tenant: str
    subject: str
    text: str


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """A seal's number and hash, kept outside the database: with it even a trail cut off at its end is found out."""

    seal_no: int
    hash: bytes


async def seal(database: Database, batch: int = BATCH) -> int:
    """Seal what is pending, at most `batch` rows; returns how many. One sealer works at a time, over all processes:
    another one that comes meanwhile gets 0 at once, and the primary key of the seals would refuse a fork anyway."""
    async with database.unit_of_work() as uow:
        if not await uow.fetch_value("select pg_try_advisory_xact_lock($1)", _ADVISORY_KEY):
            return 0
        rows = await uow.fetch(_SEAL, batch, database.clock.wall())
        return sum(row["row_count"] for row in rows)


async def head(session: ReadSession, tenant: str) -> Anchor | None:
    """The newest seal, to be kept elsewhere as an anchor."""
    row = await session.fetch_row(
        "select seal_no, hash from kernel.audit_seal where tenant = $1 order by seal_no desc limit 1", tenant
    )
    return None if row is None else Anchor(seal_no=row["seal_no"], hash=row["hash"])


async def tenants(session: ReadSession) -> list[str]:
    """The tenants that have a trail or are known."""
    rows = await session.fetch("select tenant from kernel.tenant union select tenant from kernel.audit_seal order by 1")
    return [row["tenant"] for row in rows]


async def verify_chain(session: ReadSession, tenant: str, anchor: Anchor | None = None) -> list[Problem]:
    """What is wrong with the tenant's trail; empty when every sealed row and every seal is as it was written. At most
    about a hundred problems of a kind are named. Reads the whole trail: 100,000 rows take one to four seconds."""
    seals = await session.fetch(_CHAIN, tenant)
    problems: list[Problem] = []
    expected = 1
    for row in seals:
        number = row["seal_no"]
        if number != expected:
            problems.append(_problem("sealMissing", tenant, str(expected), f"seal {expected} is not there"))
        elif not (row["linked"] and row["intact"] and row["counted"]):
            problems.append(_problem("sealBroken", tenant, str(number), f"seal {number} is not as it was written"))
        expected = number + 1
    if anchor is not None and not any(row["seal_no"] == anchor.seal_no and row["hash"] == anchor.hash for row in seals):
        text = f"seal {anchor.seal_no} is not the one that was noted outside"
        problems.append(_problem("anchorLost", tenant, str(anchor.seal_no), text))
    for first in range(1, expected, _SEALS_AT_ONCE):
        found = await session.fetch(_ROWS, tenant, first, first + _SEALS_AT_ONCE - 1, _SHOWN_MAX)
        for row in found:
            if row["removed"]:
                problems.append(_problem("removed", tenant, row["id"], f"audit row {row['id']} was removed"))
            else:
                problems.append(_problem("changed", tenant, row["id"], f"audit row {row['id']} was changed"))
    for row in await session.fetch(_UNSEALED, tenant, _SHOWN_MAX):
        text = f"audit row {row['id']} is in no seal and does not wait for one: it was put in past the trigger"
        problems.append(_problem("inserted", tenant, row["id"], text))
    return problems


def _problem(
    kind: Literal["changed", "removed", "inserted", "sealBroken", "sealMissing", "anchorLost"],
    tenant: str,
    subject: str,
    text: str,
) -> Problem:
    return Problem(kind=kind, tenant=tenant, subject=subject, text=text)
