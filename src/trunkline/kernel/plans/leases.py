"""Who runs what: claims under a short lease, its renewal, and taking over from workers that are gone.

A lease is measured by PostgreSQL's clock, which the installation's clock does not move. Due times are the installation's.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, Record, UnitOfWork
from trunkline.kernel.plans.actions import StepRun
from trunkline.kernel.plans.cancelling import advance_cancelling
from trunkline.kernel.plans.ending import Held
from trunkline.kernel.plans.news import publish
from trunkline.kernel.plans.spec import Retry
from trunkline.kernel.plans.view import PlanState, decode

LEASE = timedelta(seconds=2)
LOSSES_MAX = 10

# A claim need not survive a crash of the server (the step is then ready again), so its commit does not wait for the disk.
# `array(…)` makes it a fetch of those very rows under every plan PostgreSQL may choose.
_CLAIM = """
with quick as materialized (select set_config('synchronous_commit', 'off', true)),
     claimed as (
       update kernel.step set state = 'running', attempts = attempts + 1, lease_holder = $3, lease_until = clock_timestamp() + $4,
              started_at = coalesce(started_at, $1)
        where (select true from quick) and ctid = any(array(
              select ctid from kernel.step where state = 'ready' and kind {kind} 'callout' and run_at <= $1
               order by run_at limit $2 for update skip locked))
       returning *)
select c.tenant, c.plan_id, c.n, c.name, c.kind, c.action, c.input, c.result, c.idempotency_key, c.attempts, c.failures,
       c.max_attempts, c.retry_first, c.retry_longest, c.timeout, c.undo_of, c.signal_key, p.kind as plan_kind,
       p.subject_resource, p.subject_id, p.data, p.actor, p.correlation_id,
       (select o.name from kernel.step o where o.tenant = c.tenant and o.plan_id = c.plan_id and o.n = c.undo_of) as undoes,
       case when c.ancestors <> '{{}}' then
         (select json_object_agg(a.name, a.result order by a.n) from kernel.step a
           where a.tenant = c.tenant and a.plan_id = c.plan_id and a.n = any(c.ancestors) and a.result is not null)
       end as results
  from claimed c join kernel.plan p on p.tenant = c.tenant and p.id = c.plan_id
 order by c.run_at, c.plan_id, c.n"""
_CLAIM_TASKS = _CLAIM.format(kind="<>")
_CLAIM_CALLOUTS = _CLAIM.format(kind="=")

_NEXT_DUE = "select min(run_at) from kernel.step where state = 'ready' and kind {kind} 'callout'"
_NEXT_TASK = _NEXT_DUE.format(kind="<>")
_NEXT_CALLOUT = _NEXT_DUE.format(kind="=")

_HELD = """select s.ctid from unnest($1::text[], $2::text[], $3::int[], $4::int[]) as h(tenant, plan_id, n, attempt)
   join kernel.step s on s.tenant = h.tenant and s.plan_id = h.plan_id and s.n = h.n
  where s.state = 'running' and s.lease_holder = $5 and s.attempts = h.attempt for update of s skip locked"""

_RENEW = f"""with quick as materialized (select set_config('synchronous_commit', 'off', true))
update kernel.step set lease_until = clock_timestamp() + $6
 where (select true from quick) and ctid = any(array({_HELD}))"""

_GIVE_BACK = f"""update kernel.step set state = 'ready', lease_holder = null, lease_until = null
 where ctid = any(array({_HELD}))"""

_TAKE_BACK = """
with taken as (
  update kernel.step s set losses = s.losses + 1, lease_holder = null, lease_until = null, run_at = least(s.run_at, $1),
         state = case when s.losses + 1 >= $2 then 'failed' else 'ready' end,
         error = case when s.losses + 1 >= $2 then $3::json else s.error end,
         finished_at = case when s.losses + 1 >= $2 then $1 end
   where ctid = any(array(select ctid from kernel.step where state = 'running' and lease_until is not null
                             and lease_until < clock_timestamp() order by lease_until limit 1000 for update skip locked))
  returning s.tenant, s.plan_id, s.n, s.name, s.state, s.undo_of)
select * from taken order by tenant, plan_id, n"""

_STOPPED = """update kernel.plan set state = case when state = 'running' then 'failed' else state end
 where tenant = $1 and id = $2 returning kind, state, subject_resource, subject_id, actor, correlation_id"""

_WORKER_LOST = {
    "code": "workerLost",
    "reason": f"{LOSSES_MAX} workers were lost while they ran this step.",
    "hint": "Look in the workers' logs for what ends them; then retry or skip the step.",
}


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A step this worker holds: what its handler sees, and what the runner needs to end it."""

    held: Held
    run: StepRun
    kind: str
    stored_result: str | None
    failures: int
    max_attempts: int
    retry: Retry
    timeout: timedelta
    actor: str
    correlation_id: str


async def claim(database: Database, holder: str, limit: int, *, callouts: bool) -> list[Claimed]:
    """Take up to `limit` steps that are due, the longest due first: callouts, or all other kinds."""
    sql = _CLAIM_CALLOUTS if callouts else _CLAIM_TASKS
    rows = await database.at_once(sql, database.clock.now(), limit, holder, LEASE)
    return [_claimed(row, holder) for row in rows]


async def next_due(database: Database, *, callouts: bool) -> datetime | None:
    """The installation's instant at which the next step of this sort is due; may have passed."""
    async with database.read() as session:
        instant: datetime | None = await session.fetch_value(_NEXT_CALLOUT if callouts else _NEXT_TASK)
        return instant


async def renew(database: Database, holder: str, steps: Sequence[Held]) -> None:
    """Lengthen the leases of these steps, in one statement. A step that is just being ended is passed over."""
    if steps:
        await database.at_once(_RENEW, *_columns(steps), holder, LEASE)


async def give_back(database: Database, holder: str, steps: Sequence[Held]) -> None:
    """Let others run these steps at once: this worker stops before it began them."""
    if steps:
        async with database.unit_of_work() as uow:
            await uow.execute(_GIVE_BACK, *_columns(steps), holder)
            uow.wake()


async def take_back(uow: UnitOfWork, now: datetime) -> int:
    """Make the steps of lost workers ready again; one that outlived ten workers has failed. Returns how many.

    Events: PlanStepFailed.
    """
    rows = await uow.fetch(_TAKE_BACK, now, LOSSES_MAX, msgspec.json.encode(_WORKER_LOST).decode())
    for row in rows:
        if row["state"] == "failed":
            await _stopped(uow, row, now)
    if rows:
        uow.wake()
    return len(rows)


async def _stopped(uow: UnitOfWork, step: Record, now: datetime) -> None:
    plan = await uow.fetch_row(_STOPPED, step["tenant"], step["plan_id"])
    assert plan is not None  # steps are deleted with their plan
    context = Context(
        tenant=step["tenant"],
        actor=plan["actor"],
        channel="worker",
        now=now,
        correlation_id=plan["correlation_id"],
    )
    if plan["state"] == PlanState.CANCELLING and step["undo_of"] is None:
        await advance_cancelling(uow, step["plan_id"], context)
        return
    what = {"n": step["n"], "name": step["name"]}
    publish(uow, "PlanStepFailed", step["plan_id"], plan, context, step=what, error=_WORKER_LOST)


def _columns(steps: Sequence[Held]) -> tuple[list[str], list[str], list[int], list[int]]:
    return (
        [step.tenant for step in steps],
        [step.plan_id for step in steps],
        [step.n for step in steps],
        [step.attempt for step in steps],
    )


def _claimed(row: Record, holder: str) -> Claimed:
    results = decode(row["results"]) or {}
    if row["undoes"] is not None:
        results = {row["undoes"]: None, **results}
    run = StepRun(
        tenant=row["tenant"],
        plan_id=row["plan_id"],
        plan_kind=row["plan_kind"],
        subject_resource=row["subject_resource"],
        subject_id=row["subject_id"],
        data=decode(row["data"]) or {},
        n=row["n"],
        name=row["name"],
        action=row["action"] or "",
        input=decode(row["input"]) or {},
        results=results,
        idempotency_key=row["idempotency_key"],
        attempt=row["attempts"],
        undoes=row["undoes"],
    )
    return Claimed(
        held=Held(tenant=run.tenant, plan_id=run.plan_id, n=run.n, holder=holder, attempt=run.attempt),
        run=run,
        kind=row["kind"],
        stored_result=row["result"],
        failures=row["failures"],
        max_attempts=row["max_attempts"],
        retry=Retry(max_attempts=row["max_attempts"], first=row["retry_first"], longest=row["retry_longest"]),
        timeout=row["timeout"],
        actor=row["actor"],
        correlation_id=row["correlation_id"],
    )
