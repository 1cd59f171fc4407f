"""How a step ends: completion releases what comes after it, in the statement that completes it; failure retries or stops.

Every change of a plan's steps that depends on other steps locks the plan's row first, so that such changes of one plan
happen one after the other and no two of them wait for each other.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.plans.cancelling import Ready, advance_cancelling, mark_compensated
from trunkline.kernel.plans.news import publish
from trunkline.kernel.plans.view import PlanState, StepState

# $1 tenant, $2 plan, $3 step, $4 holder of the lease, $5 attempt, $6 new state, $7 result, $8 now, $9 error.
# A step that is not held by this holder in this attempt is not touched (the fence); the caller then rolls all of it back.
_END = """
with plan as (
       update kernel.plan set ended = ended + 1,
              state = case when state = 'running' and ended + 1 = steps then 'completed' else state end,
              finished_at = case when state = 'running' and ended + 1 = steps then $8 else finished_at end
        where tenant = $1 and id = $2
       returning kind, subject_resource, subject_id, state, ended),
     done as (
       update kernel.step s set state = $6, result = coalesce($7::json, s.result), finished_at = $8, ended = plan.ended,
              started_at = coalesce(s.started_at, $8), lease_holder = null, lease_until = null, error = $9::json
         from plan
        where s.tenant = $1 and s.plan_id = $2 and s.n = $3 and s.state in ('running', 'failed')
          and s.lease_holder is not distinct from $4::text and s.attempts = $5::int
       returning s.n, s.undo_of),
     released as (
       update kernel.step s set unmet = s.unmet - 1,
              state = case when s.unmet > 1 then s.state
                           when s.kind = 'manual' or (s.kind = 'wait' and not s.signalled) then 'running'
                           else 'ready' end,
              run_at = case when s.unmet > 1 then s.run_at
                            when s.kind = 'timer' then coalesce(s.run_at, $8 + s.delay)
                            when s.kind = 'manual' or (s.kind = 'wait' and not s.signalled) then null
                            else $8 end,
              due_at = case when s.unmet = 1 and s.kind = 'manual' then $8 + s.delay else s.due_at end,
              started_at = case when s.unmet = 1 and s.kind in ('manual', 'wait') then $8 else s.started_at end
         from kernel.step_dependency d, done
        where d.tenant = $1 and d.plan_id = $2 and d.predecessor = done.n
          and s.tenant = $1 and s.plan_id = $2 and s.n = d.successor and s.state = 'waiting'
       returning s.state, s.kind)
select plan.*, (select n from done) as n, (select undo_of from done) as undo_of,
       (select count(*) from released where state = 'ready' and kind <> 'callout') as tasks,
       (select count(*) from released where state = 'ready' and kind = 'callout') as callouts
  from plan"""

_FAIL = """
with plan as materialized (select * from kernel.plan where tenant = $1 and id = $2 for update),
     failed as (
       update kernel.step s set state = $6::text, failures = s.failures + 1, error = $7, run_at = $8,
              finished_at = case when $6 = 'failed' then $9::timestamptz end, lease_holder = null, lease_until = null,
              ended = case when $6 = 'failed' then plan.ended end
         from plan
        where s.tenant = $1 and s.plan_id = $2 and s.n = $3 and s.state = 'running'
          and s.lease_holder = $4 and s.attempts = $5
       returning s.n, s.name, s.undo_of),
     stopped as (
       update kernel.plan p set state = case when plan.state = 'running' then 'failed' else plan.state end
         from plan, failed where $6 = 'failed' and p.tenant = $1 and p.id = $2
       returning p.state)
select plan.kind, plan.subject_resource, plan.subject_id, coalesce((select state from stopped), plan.state) as state,
       failed.name, failed.undo_of
  from plan, failed"""


class LeaseLost(Exception):
    """Another worker has taken the step: whatever was done for it in this transaction must be rolled back."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A step as whoever may end it holds it: by a lease (worker) or by nothing (a person's step)."""

    tenant: str
    plan_id: str
    n: int
    holder: str | None
    attempt: int


async def end_step(
    uow: UnitOfWork,
    held: Held,
    result: str | None,
    context: Context,
    *,
    now: datetime,
    state: StepState = StepState.COMPLETED,
    error: str | None = None,
) -> Ready:
    """End a step and release what depended on it; returns how many steps got ready by it.

    result  JSON text, None keeps what is there
    Raises LeaseLost when the step is not held so any more. Events: PlanCompleted, PlanCancelled.
    """
    row = await uow.fetch_row(
        _END, held.tenant, held.plan_id, held.n, held.holder, held.attempt, state.value, result, now, error
    )
    if row is None or row["n"] is None:
        raise LeaseLost
    if row["undo_of"] is not None:
        await mark_compensated(uow, held.plan_id, context)
    if row["state"] == PlanState.COMPLETED:
        publish(uow, "PlanCompleted", held.plan_id, row, context)
    elif row["state"] == PlanState.CANCELLING:
        return await advance_cancelling(uow, held.plan_id, context)
    return Ready(tasks=row["tasks"], callouts=row["callouts"])


async def fail_step(
    uow: UnitOfWork,
    held: Held,
    error: dict[str, Any],
    context: Context,
    *,
    now: datetime,
    retry_after: timedelta | None,
) -> None:
    """Record a failed attempt: the step is tried again after a pause, or (None) has failed for good.

    Raises LeaseLost when the step is not held so any more. Events: PlanStepFailed.
    """
    state = StepState.FAILED if retry_after is None else StepState.READY
    run_at = None if retry_after is None else now + retry_after
    text = msgspec.json.encode(error).decode()
    row = await uow.fetch_row(
        _FAIL, held.tenant, held.plan_id, held.n, held.holder, held.attempt, state.value, text, run_at, now
    )
    if row is None:
        raise LeaseLost
    if row["state"] == PlanState.CANCELLING and row["undo_of"] is None:
        await advance_cancelling(uow, held.plan_id, context)
    elif state == StepState.FAILED:
        publish(uow, "PlanStepFailed", held.plan_id, row, context, step={"n": held.n, "name": row["name"]}, error=error)
