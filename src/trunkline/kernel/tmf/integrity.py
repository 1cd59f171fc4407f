"""Checks on what the engine keeps: every change has its event and its audit entry (12), history replays (18)."""

from typing import Any

from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.finding import Finding
from trunkline.kernel.tmf.document import decode
from trunkline.kernel.tmf.resource import Resource

FINDINGS_MAX = 100

_TRAIL = """
with told as (
  select resource, resource_id, version, min(correlation_id) as correlation_id, count(distinct correlation_id) as causes,
         count(*) filter (where type like '%StateChangeEvent') as moves, count(*) as n
    from (select resource, resource_id, version, correlation_id, type from kernel.event_log
           where tenant = $1 and resource = $2 and version > 0 and type like '%Event'
          union all
          select resource, resource_id, version, correlation_id, type from kernel.outbox
           where tenant = $1 and resource = $2 and version > 0 and type like '%Event') e
   group by 1, 2, 3),
written as (
  select resource_id, version, min(correlation_id) as correlation_id, count(*) as n
    from kernel.audit where tenant = $1 and resource = $2 and action in ('create', 'patch', 'delete')
   group by 1, 2)
select coalesce(t.resource_id, w.resource_id) as id, coalesce(t.version, w.version) as version,
       coalesce(t.n, 0) as events, coalesce(t.moves, 0) as moves, coalesce(w.n, 0) as entries,
       t.correlation_id is not distinct from w.correlation_id and coalesce(t.causes, 1) = 1 as same_cause
  from told t full join written w on w.resource_id = t.resource_id and w.version = t.version
 where t.n is null or t.moves > 1 or t.n > 2 or w.n is null or w.n not in (1, 2)
    or t.correlation_id is distinct from w.correlation_id or t.causes > 1
 limit $3"""

_SNAPSHOTS = """
select distinct on (resource_id, occurred_at) resource_id, occurred_at, payload::text as payload
  from kernel.event_log
 where tenant = $1 and resource = $2 and version > 0 and payload::jsonb ? $2
 order by resource_id, occurred_at, version desc, seq desc limit $3"""


async def trail_findings(session: ReadSession, resource: Resource[Any], context: Context) -> list[Finding]:
    """Versions without exactly one cause told by event and written in the audit trail (invariant 12)."""
    rows = await session.fetch(_TRAIL, context.tenant, resource.name, FINDINGS_MAX)
    return [
        Finding(
            invariant=12,
            rule="every state change has one event, one audit entry and one correlation id",
            subject=f"{resource.name} {row['id']}, version {row['version']}",
            expected="one event for a move and at most one beside it, one audit entry, the same correlation id",
            found=f"{row['events']} events ({row['moves']} moves), {row['entries']} audit entries, "
            f"{'same' if row['same_cause'] else 'different'} correlation id",
        )
        for row in rows
    ]


async def history_findings(
    session: ReadSession, resource: Resource[Any], context: Context, limit: int = 10_000
) -> list[Finding]:
    """Instants at which the history does not replay to the document that was told then (invariant 18)."""
    found = []
    for row in await session.fetch(_SNAPSHOTS, context.tenant, resource.name, limit):
        told = decode(row["payload"])[resource.name]
        replayed = await session.fetch_row(resource.sql.as_of, context.tenant, row["resource_id"], row["occurred_at"])
        kept = None if replayed is None else decode(replayed["doc"])
        if kept != told and not (kept is None and await _deleted(session, resource, row["resource_id"], context)):
            found.append(
                Finding(
                    invariant=18,
                    rule="the state at any past instant equals the snapshot taken then",
                    subject=f"{resource.name} {row['resource_id']} at {row['occurred_at'].isoformat()}",
                    expected="the document that its event told",
                    found="nothing" if kept is None else "another document",
                )
            )
    return found[:FINDINGS_MAX]


async def _deleted(session: ReadSession, resource: Resource[Any], id_: str, context: Context) -> bool:
    return await resource.find(session, id_, context) is None
