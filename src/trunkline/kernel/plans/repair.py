"""What people do to a plan: complete a manual step, try a failed step again, skip it."""

from typing import Any

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, Record, UnitOfWork
from trunkline.kernel.errors import Conflict, NotFound
from trunkline.kernel.plans.create import encode
from trunkline.kernel.plans.ending import Held, end_step
from trunkline.kernel.plans.news import publish
from trunkline.kernel.plans.spec import StepKind
from trunkline.kernel.plans.view import PlanState, StepState, decode, unknown_plan

_RETRY = """update kernel.step set state = 'ready', failures = 0, losses = 0, run_at = $4, finished_at = null, ended = null,
   input = coalesce($5::json, input),
   idempotency_key = case when $5::json is null then idempotency_key else plan_id || ':' || n || ':' || attempts end
 where tenant = $1 and plan_id = $2 and n = $3"""

_RESUME = """update kernel.plan p set state = 'running' where p.tenant = $1 and p.id = $2 and p.state = 'failed'
   and not exists (select 1 from kernel.step s
                    where s.tenant = $1 and s.plan_id = $2 and s.state = 'failed' and s.n <> $3)"""


async def complete_manual(uow: UnitOfWork, plan_id: str, n: int, data: dict[str, Any], context: Context) -> None:
    """A person has done the step; `data` becomes its result.

    Completing it again with the same data changes nothing. Raises NotFound, Conflict (stepNotOpen) when it is not a
    manual step that is due, Invalid for data that is not JSON. Events: PlanCompleted when it was the last.
    """
    step = await _locked(uow, plan_id, n, context)
    result = encode(data, "$")
    if step["kind"] == StepKind.MANUAL and step["state"] == StepState.COMPLETED and decode(step["result"]) == data:
        return
    if step["kind"] != StepKind.MANUAL or step["state"] != StepState.RUNNING:
        raise _not_open(step, "It is not a manual step that is waiting for a person.")
    await _end(uow, plan_id, step, result, context)
    _audit(uow, "complete", plan_id, step, context, {"state": StepState.COMPLETED, "result": data})


async def retry_step(
    uow: UnitOfWork,
    plan_id: str,
    n: int,
    context: Context,
    *,
    input: dict[str, Any] | None = None,  # noqa: A002  # the step's own word
) -> None:
    """Try a failed step again at once, with all its attempts, and with another input where one is given.

    Another input gets another idempotency key: it is another call. Raises NotFound, Conflict (stepNotOpen) when the step
    has not failed, or its plan is being cancelled and it takes nothing back. Events: PlanStepResumed.
    """
    step = await _locked(uow, plan_id, n, context)
    if step["state"] != StepState.FAILED:
        raise _not_open(step, "Only a failed step can be tried again.")
    if step["plan_state"] == PlanState.CANCELLING and step["undo_of"] is None:
        raise _not_open(step, "Its plan is being cancelled: only a step that takes something back can be tried again.")
    text = None if input is None else encode(input, "$.input")
    await uow.execute(_RETRY, context.tenant, plan_id, n, context.now, text)
    await _resume(uow, plan_id, step, context)
    after = {"state": StepState.READY} if input is None else {"state": StepState.READY, "input": input}
    _audit(uow, "retry", plan_id, step, context, after)
    uow.wake()


async def skip_step(
    uow: UnitOfWork, plan_id: str, n: int, reason: str, context: Context, *, result: dict[str, Any] | None = None
) -> None:
    """Go on without a failed step, or without a wait or manual step that is due: it is discarded, its followers start.

    Raises NotFound, Conflict (stepNotOpen). Events: PlanStepResumed for a failed step, PlanCompleted when it was the last.
    """
    step = await _locked(uow, plan_id, n, context)
    by_hand = step["state"] == StepState.RUNNING and step["lease_holder"] is None
    if step["state"] != StepState.FAILED and not by_hand:
        raise _not_open(step, "Only a failed step, or one that waits for an event or a person, can be skipped.")
    if step["state"] == StepState.FAILED:
        await _resume(uow, plan_id, step, context)
    note = {**(decode(step["error"]) or {}), "skipped": reason, "skippedBy": context.actor}
    text = None if result is None else encode(result, "$.result")
    await _end(uow, plan_id, step, text, context, state=StepState.DISCARDED, error=msgspec.json.encode(note).decode())
    _audit(uow, "skip", plan_id, step, context, {"state": StepState.DISCARDED, "reason": reason})


async def _locked(uow: UnitOfWork, plan_id: str, n: int, context: Context) -> Record:
    """The step, with its plan's row locked and its state as `plan_state`, in a plan that has not ended."""
    plan = await uow.fetch_row(
        "select state from kernel.plan where tenant = $1 and id = $2 for update", context.tenant, plan_id
    )
    if plan is None:
        raise unknown_plan(plan_id)
    step = await uow.fetch_row(
        "select *, $4::text as plan_state from kernel.step where tenant = $1 and plan_id = $2 and n = $3 for update",
        *(context.tenant, plan_id, n, plan["state"]),
    )
    if step is None:
        raise NotFound("unknownStep", "There is no such step.", message=f"Plan {plan_id} has no step {n}.", path="$.n")
    if plan["state"] == PlanState.CANCELLED:
        raise _not_open(step, "Its plan is cancelled.")
    return step


async def _resume(uow: UnitOfWork, plan_id: str, step: Record, context: Context) -> None:
    """The step is not what keeps the plan any more; without another failed one it runs again. Its row is locked."""
    await uow.execute(_RESUME, context.tenant, plan_id, step["n"])
    plan = await uow.fetch_row("select * from kernel.plan where tenant = $1 and id = $2", context.tenant, plan_id)
    assert plan is not None  # its row is locked by us
    publish(uow, "PlanStepResumed", plan_id, plan, context, step={"n": step["n"], "name": step["name"]})


async def _end(
    uow: UnitOfWork,
    plan_id: str,
    step: Record,
    result: str | None,
    context: Context,
    *,
    state: StepState = StepState.COMPLETED,
    error: str | None = None,
) -> None:
    held = Held(tenant=context.tenant, plan_id=plan_id, n=step["n"], holder=None, attempt=step["attempts"])
    await end_step(uow, held, result, context, now=context.now, state=state, error=error)
    uow.wake()


def _audit(uow: UnitOfWork, action: str, plan_id: str, step: Record, context: Context, after: dict[str, Any]) -> None:
    entry = AuditEntry.of(
        context, action, "planStep", f"{plan_id}:{step['n']}", before={"state": step["state"]}, after=after
    )
    uow.audit(entry)


def _not_open(step: Record, why: str) -> Conflict:
    return Conflict("stepNotOpen", f"Step {step['name']!r} is {step['state']}.", message=why)
