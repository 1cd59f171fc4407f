"""Checks on what the engine keeps: every change has its event and its audit entry (12), history replays (18)."""

from collections.abc import AsyncIterator
from typing import Any

from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.finding import Finding
from trunkline.kernel.tmf.resource import Resource

FINDINGS_MAX = 100
PAGE = 500

# A record is known by its row, its history, its events or its audit entries; each tells its next ids from an index.
_IDS = """
select id from (
  (select id from {relation} where tenant = $1 and id > $3 order by 1 limit $4)
  union (select distinct id from {relation}_history where tenant = $1 and id > $3 order by 1 limit $4)
  union (select distinct resource_id from kernel.event_log
          where tenant = $1 and resource = $2 and resource_id > $3 order by 1 limit $4)
  union (select distinct resource_id from kernel.audit
          where tenant = $1 and resource = $2 and resource_id > $3 order by 1 limit $4)) known
 order by 1 limit $4"""

# By version, and a deletion by itself: it is told of and written about the version that it removes.
_TRAIL = """
with told as (
  select resource_id, version, type like '%DeleteEvent' as gone, min(correlation_id) as correlation_id,
         count(distinct correlation_id) as causes, count(*) filter (where type like '%StateChangeEvent') as moves,
         count(*) as n
    from (select resource_id, version, correlation_id, type from kernel.event_log
           where tenant = $1 and resource = $2 and resource_id = any($3::text[]) and version > 0 and type like '%Event'
          union all
          select resource_id, version, correlation_id, type from kernel.outbox
           where tenant = $1 and resource = $2 and resource_id = any($3::text[]) and version > 0 and type like '%Event') e
   group by 1, 2, 3),
written as (
  select resource_id, version, action = 'delete' as gone, min(correlation_id) as correlation_id, count(*) as n
    from kernel.audit
   where tenant = $1 and resource = $2 and resource_id = any($3::text[]) and action in ('create', 'patch', 'delete')
   group by 1, 2, 3),
versions as (
  select resource_id, version, gone from told
  union select resource_id, version, gone from written
  union select id, version, false from {relation} where tenant = $1 and id = any($3::text[])
  union select id, version, false from {relation}_history where tenant = $1 and id = any($3::text[]))
select v.resource_id as id, v.version, v.gone, coalesce(t.n, 0) as events, coalesce(t.moves, 0) as moves,
       coalesce(w.n, 0) as entries,
       t.correlation_id is not distinct from w.correlation_id and coalesce(t.causes, 1) = 1 as same_cause
  from versions v
  left join told t on t.resource_id = v.resource_id and t.version = v.version and t.gone = v.gone
  left join written w on w.resource_id = v.resource_id and w.version = v.version and w.gone = v.gone
 where t.n is null or t.moves > 1 or t.n > 2 or t.causes > 1 or w.n is distinct from 1
    or t.correlation_id is distinct from w.correlation_id
 order by 1, 2, 3 limit $4"""

# The last document told of an instant against what the history says of that instant. Both as JSONB: 40.00 is 40. Nothing is
# expected of an instant at which the record was deleted.
_REPLAYED = """
with told as (
  select distinct on (resource_id, occurred_at) resource_id, occurred_at, type, payload::jsonb -> $2 as doc
    from kernel.event_log
   where tenant = $1 and resource = $2 and resource_id = any($3::text[]) and version > 0 and payload::jsonb ? $2
   order by resource_id, occurred_at, version desc, seq desc)
select t.resource_id, t.occurred_at, kept.doc is null as nothing
  from told t
  left join lateral (
    select v.doc from (
      select doc, version, updated_at as valid_from, null::timestamptz as valid_to from {relation}
       where tenant = $1 and id = t.resource_id
      union all
      select doc, version, valid_from, valid_to from {relation}_history where tenant = $1 and id = t.resource_id) v
     where v.valid_from <= t.occurred_at and (v.valid_to is null or v.valid_to > t.occurred_at)
     order by v.version desc limit 1) kept on true
 where t.type not like '%DeleteEvent' and kept.doc is distinct from t.doc
 order by 1, 2 limit $4"""


async def trail_findings(session: ReadSession, resource: Resource[Any], context: Context) -> list[Finding]:
    """Versions without exactly one cause, told by event and written in the audit trail (invariant 12)."""
    found: list[Finding] = []
    async for ids in _ids(session, resource, context):
        sql = _TRAIL.format(relation=resource.relation)
        for row in await session.fetch(sql, context.tenant, resource.name, ids, FINDINGS_MAX):
            words = f"{row['events']} events ({row['moves']} moves), {row['entries']} audit entries, "
            found.append(
                Finding(
                    invariant=12,
                    rule="every state change has one event, one audit entry and one correlation id",
                    subject=f"{resource.name} {row['id']}, {'deletion of ' if row['gone'] else ''}version {row['version']}",
                    expected="one event for a move and at most one beside it, one audit entry, the same correlation id",
                    found=f"{words}{'the same correlation id' if row['same_cause'] else 'different correlation ids'}",
                )
            )
        if len(found) >= FINDINGS_MAX:
            break
    return found[:FINDINGS_MAX]


async def history_findings(session: ReadSession, resource: Resource[Any], context: Context) -> list[Finding]:
    """Instants at which the history does not replay to the document that was told then (invariant 18)."""
    found: list[Finding] = []
    async for ids in _ids(session, resource, context):
        sql = _REPLAYED.format(relation=resource.relation)
        found += [
            Finding(
                invariant=18,
                rule="the state at any past instant equals the snapshot taken then",
                subject=f"{resource.name} {row['resource_id']} at {row['occurred_at'].isoformat()}",
                expected="the document that its event told",
                found="nothing" if row["nothing"] else "another document",
            )
            for row in await session.fetch(sql, context.tenant, resource.name, ids, FINDINGS_MAX)
        ]
        if len(found) >= FINDINGS_MAX:
            break
    return found[:FINDINGS_MAX]


async def _ids(session: ReadSession, resource: Resource[Any], context: Context) -> AsyncIterator[list[str]]:
    """The ids of all records that are there or have been, page by page."""
    sql, after = _IDS.format(relation=resource.relation), ""
    while rows := await session.fetch(sql, context.tenant, resource.name, after, PAGE):
        ids = [row["id"] for row in rows]
        yield ids
        after = ids[-1]
