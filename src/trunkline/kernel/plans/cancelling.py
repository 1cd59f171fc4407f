"""Cancelling a plan: stop what has not begun, let finish what runs, take back what was done, last first."""

from collections.abc import Sequence

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, Record, UnitOfWork
from trunkline.kernel.errors import Conflict
from trunkline.kernel.plans.create import StepRow, insert_steps, numbers_text
from trunkline.kernel.plans.news import publish
from trunkline.kernel.plans.spec import StepKind
from trunkline.kernel.plans.view import PlanState, unknown_plan

# A callout that was tried may have had its effect, so it stays `failed` for its undo to run; a task's effect was rolled
# back, and what nobody began is not wanted any more.
STOP = """update kernel.step s set
   state = case when s.state = 'waiting' or (s.state = 'ready' and s.attempts = 0) then 'discarded'
                when s.kind = 'callout' and s.undo is not null then 'failed'
                else 'cancelled' end,
   finished_at = coalesce(s.finished_at, $3), ended = coalesce(s.ended, $4), run_at = null
 where s.tenant = $1 and s.plan_id = $2 and s.undo_of is null and ($5::int[] is null or s.n = any($5))
   and (s.state in ('waiting', 'ready') or (s.state = 'running' and s.lease_holder is null)
        or (s.state = 'failed' and not (s.kind = 'callout' and s.undo is not null)))"""

_COMPENSATED = """update kernel.step s set state = 'compensated' from kernel.step u
 where u.tenant = $1 and u.plan_id = $2 and u.undo_of is not null and u.state = 'completed'
   and s.tenant = $1 and s.plan_id = $2 and s.n = u.undo_of and s.state in ('completed', 'failed', 'cancelled')"""

_COUNTS = """select count(*) filter (where undo_of is null and state = 'running') as running,
       max(n) as last,
       count(*) filter (where undo_of is not null and state in ('waiting', 'ready', 'running', 'failed')) as open,
       count(*) filter (where undo_of is not null and state = 'ready' and kind <> 'callout') as tasks,
       count(*) filter (where undo_of is not null and state = 'ready' and kind = 'callout') as callouts
  from kernel.step where tenant = $1 and plan_id = $2"""

# What a part of the plan has taken back already, or is taking back, has its undo step.
TO_UNDO = """select s.* from kernel.step s
 where s.tenant = $1 and s.plan_id = $2 and s.undo is not null and s.undo_of is null
   and s.state in ('completed', 'failed') and ($3::int[] is null or s.n = any($3))
   and not exists (select 1 from kernel.step u where u.tenant = $1 and u.plan_id = $2 and u.undo_of = s.n)
 order by s.ended desc nulls first, (s.state = 'failed') desc, s.n desc"""

_CANCELLED = """update kernel.plan set state = 'cancelled', finished_at = $3 where tenant = $1 and id = $2
 returning kind, state, subject_resource, subject_id"""


_CANCELLABLE = (PlanState.RUNNING, PlanState.FAILED)


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """How many steps got ready to run, by who runs them."""

    tasks: int = 0
    callouts: int = 0


async def cancel_plan(uow: UnitOfWork, plan_id: str, context: Context) -> None:
    """Start no further steps, let running ones finish, then run the undo of what was completed, in reverse order of
    completion; then the plan is cancelled. `context.reason` is kept. Cancelling twice changes nothing.

    A callout that failed after being tried is undone too, with no result: it may have had its effect.
    Raises NotFound, Conflict (planEnded) for a completed plan. Events: PlanCancelled, at the end.
    """
    plan = await uow.fetch_row(
        "select state from kernel.plan where tenant = $1 and id = $2 for update", context.tenant, plan_id
    )
    if plan is None:
        raise unknown_plan(plan_id)
    if plan["state"] == PlanState.COMPLETED:
        raise Conflict(
            "planEnded",
            f"Plan {plan_id} is completed.",
            hint="Make a plan that takes its effects back.",
            allowed=_CANCELLABLE,
        )
    if plan["state"] not in _CANCELLABLE:
        return
    await uow.execute(
        "update kernel.plan set state = 'cancelling', reason = $3 where tenant = $1 and id = $2",
        context.tenant,
        plan_id,
        context.reason,
    )
    uow.audit(
        AuditEntry.of(
            context, "cancel", "plan", plan_id, before={"state": plan["state"]}, after={"state": PlanState.CANCELLING}
        )
    )
    await advance_cancelling(uow, plan_id, context)
    uow.wake()


async def advance_cancelling(uow: UnitOfWork, plan_id: str, context: Context) -> Ready:
    """Take the next step towards `cancelled`; the plan's row is locked. Returns the undo steps that are ready."""
    tenant = context.tenant
    ended = await uow.fetch_value("select ended from kernel.plan where tenant = $1 and id = $2", tenant, plan_id)
    await uow.execute(STOP, tenant, plan_id, context.now, ended, None)
    await mark_compensated(uow, plan_id, context)
    counts = await uow.fetch_row(_COUNTS, tenant, plan_id)
    assert counts is not None  # an aggregate always has a row
    if counts["running"]:
        return Ready()
    done = await uow.fetch(TO_UNDO, tenant, plan_id, None)
    if done:
        rows = undo_rows(done, counts["last"], context)
        await insert_steps(uow, tenant, plan_id, rows, [(row.n, row.n - 1) for row in rows[1:]])
        return Ready(tasks=int(rows[0].kind == "task"), callouts=int(rows[0].kind == "callout"))
    if counts["open"]:
        return Ready(tasks=counts["tasks"], callouts=counts["callouts"])
    plan = await uow.fetch_row(_CANCELLED, tenant, plan_id, context.now)
    assert plan is not None  # its row is locked by us
    publish(uow, "PlanCancelled", plan_id, plan, context)
    return Ready()


async def mark_compensated(uow: UnitOfWork, plan_id: str, context: Context) -> None:
    """Steps whose undo is completed are compensated."""
    await uow.execute(_COMPENSATED, context.tenant, plan_id)


def undo_rows(done: Sequence[Record], last: int, context: Context) -> list[StepRow]:
    """The steps that take `done` back in its order, numbered after `last`; each waits for the one before."""
    return [_undo(row, last + place, place, context) for place, row in enumerate(done, 1)]


def _undo(row: Record, n: int, place: int, context: Context) -> StepRow:
    """The step that takes `row` back: first in line it is ready, otherwise it waits for the one before."""
    return StepRow(
        n=n,
        name=f"undo {row['name']}",
        kind=StepKind.CALLOUT.value if row["kind"] == StepKind.CALLOUT else StepKind.TASK.value,
        action=row["undo"],
        state="ready" if place == 1 else "waiting",
        unmet=0 if place == 1 else 1,
        ancestors=numbers_text([*row["ancestors"], row["n"]]),
        input=row["input"],
        run_at=context.now if place == 1 else None,
        max_attempts=row["max_attempts"],
        retry_first=row["retry_first"],
        retry_longest=row["retry_longest"],
        timeout=row["timeout"],
        undo_of=row["n"],
    )
