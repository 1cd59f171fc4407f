"""Giving a part of a plan up while the rest goes on: what the part did is taken back, then a closing step tells so."""

from collections.abc import Collection, Sequence

from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, Record, UnitOfWork
from trunkline.kernel.errors import Conflict, Unavailable
from trunkline.kernel.plans.cancelling import STOP, TO_UNDO, undo_rows
from trunkline.kernel.plans.create import StepRow, encode, insert_steps, numbers_text
from trunkline.kernel.plans.spec import StepKind, StepSpec
from trunkline.kernel.plans.view import PlanState, unknown_plan

_OPEN = ("waiting", "ready", "running", "failed")

_PART = """select n, name, state, lease_holder from kernel.step
 where tenant = $1 and plan_id = $2 and n = any($3) and undo_of is null order by n"""

_DEPENDENT = """select s.name from kernel.step_dependency d
  join kernel.step s on s.tenant = d.tenant and s.plan_id = d.plan_id and s.n = d.successor
 where d.tenant = $1 and d.plan_id = $2 and d.predecessor = any($3) and not s.n = any($3)
   and s.state in ('waiting', 'ready', 'running', 'failed') and s.undo_of is null limit 1"""

# A callout that failed is taken back like one that was completed; left `failed` it would keep the plan from going on.
_CANCEL_FAILED = """update kernel.step set state = 'cancelled'
 where tenant = $1 and plan_id = $2 and n = any($3) and state = 'failed'"""

_GO_ON = """update kernel.plan p set steps = p.steps + $3, ended = p.ended + $4,
       state = case when exists (select 1 from kernel.step s
                                  where s.tenant = $1 and s.plan_id = $2 and s.state = 'failed') then p.state else 'running' end
 where p.tenant = $1 and p.id = $2"""


async def give_up(
    uow: UnitOfWork, plan_id: str, numbers: Collection[int], context: Context, *, closing: StepSpec
) -> None:
    """Stop the steps of these numbers and run the undo of those that were completed, in reverse order; `closing`, a task,
    runs after the last undo. The plan's other steps go on as if nothing had happened.

    numbers  a part on whose steps no unfinished step outside depends
    Raises NotFound; Conflict when the plan has ended, is being cancelled, or other steps depend on the part; Unavailable
    (worth a repeat) while a worker runs a step of the part.
    """
    tenant, part = context.tenant, sorted(numbers)
    plan = await uow.fetch_row("select * from kernel.plan where tenant = $1 and id = $2 for update", tenant, plan_id)
    if plan is None:
        raise unknown_plan(plan_id)
    steps = await uow.fetch(_PART, tenant, plan_id, part)
    await _check(uow, plan, steps, part, context)
    await uow.execute(STOP, tenant, plan_id, context.now, plan["ended"], part)
    done = await uow.fetch(TO_UNDO, tenant, plan_id, part)
    await uow.execute(_CANCEL_FAILED, tenant, plan_id, part)
    last = await uow.fetch_value("select max(n) from kernel.step where tenant = $1 and plan_id = $2", tenant, plan_id)
    rows = undo_rows(done, last, context)
    rows.append(_closing(closing, rows, last + len(rows) + 1, context))
    await insert_steps(uow, tenant, plan_id, rows, [(row.n, row.n - 1) for row in rows[1:]])
    stopped = [step["name"] for step in steps if step["state"] in _OPEN]
    await uow.execute(_GO_ON, tenant, plan_id, len(rows), len(stopped))
    after = {"stopped": stopped, "takenBack": [row["name"] for row in done]}
    uow.audit(AuditEntry.of(context, "giveUp", "plan", plan_id, after=after))
    uow.wake()


async def _check(uow: UnitOfWork, plan: Record, steps: Sequence[Record], part: list[int], context: Context) -> None:
    if plan["state"] not in (PlanState.RUNNING, PlanState.FAILED):
        raise Conflict("planEnded", f"The plan is {plan['state']}: no part of it can be given up.")
    running = next((step for step in steps if step["state"] == "running" and step["lease_holder"]), None)
    if running is not None:
        raise Unavailable(
            "stepRunning", f"Step {running['name']!r} is being run.", hint="Try again when its attempt has ended."
        )
    dependent = await uow.fetch_value(_DEPENDENT, context.tenant, plan["id"], part)
    if dependent is not None:
        raise Conflict("partIsNeeded", f"Step {dependent!r} depends on what is to be given up.")


def _closing(spec: StepSpec, undos: list[StepRow], n: int, context: Context) -> StepRow:
    return StepRow(
        n=n,
        name=spec.name,
        kind=StepKind.TASK.value,
        action=spec.action,
        state="waiting" if undos else "ready",
        unmet=1 if undos else 0,
        ancestors=numbers_text([row.n for row in undos]),
        input=encode(spec.input, "$.closing.input"),
        run_at=None if undos else context.now,
        max_attempts=spec.retry.max_attempts,
        retry_first=spec.retry.first,
        retry_longest=spec.retry.longest,
        timeout=spec.timeout,
    )
