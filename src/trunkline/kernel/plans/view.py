"""Plans as they are shown: the graph with states, times, inputs and results."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession, Record
from trunkline.kernel.errors import NotFound
from trunkline.kernel.plans.spec import StepKind

PAGE_MAX = 500


class PlanState(StrEnum):
    """running → completed, or failed (a step needs a person) ⇄ running; cancelling → cancelled."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


class StepState(StrEnum):
    """waiting → ready → running → completed; see the README for the others."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED_WILL_RETRY = "failedWillRetry"
    FAILED = "failed"
    CANCELLED = "cancelled"
    COMPENSATED = "compensated"
    DISCARDED = "discarded"


class StepView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One step. `run_at` is when it will be tried or when its timer ends; `undoes` names the step it takes back."""

    n: int
    name: str
    kind: StepKind
    action: str | None
    state: StepState
    depends_on: tuple[str, ...]
    input: dict[str, Any]
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    attempts: int
    failures: int
    max_attempts: int
    run_at: datetime | None
    due_at: datetime | None
    queue: str | None
    signal: str | None
    undo: str | None
    undoes: str | None
    idempotency_key: str
    started_at: datetime | None
    finished_at: datetime | None


class PlanView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A plan with its steps in the order of their numbers."""

    id: str
    kind: str
    subject_resource: str
    subject_id: str
    state: PlanState
    data: dict[str, Any]
    actor: str
    correlation_id: str
    reason: str | None
    created_at: datetime
    finished_at: datetime | None
    steps: tuple[StepView, ...]

    def step(self, name: str) -> StepView:
        """The step of this name. Raises KeyError."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)


class ManualStep(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A step that waits for a person."""

    plan_id: str
    plan_kind: str
    subject_resource: str
    subject_id: str
    n: int
    name: str
    action: str | None
    queue: str
    input: dict[str, Any]
    started_at: datetime
    due_at: datetime | None


# One statement, so that plan and steps are of the same instant.
_PLAN = """
select p as plan, s.*, (select array_agg(q.name order by q.n) from kernel.step_dependency d
               join kernel.step q on q.tenant = d.tenant and q.plan_id = d.plan_id and q.n = d.predecessor
              where d.tenant = s.tenant and d.plan_id = s.plan_id and d.successor = s.n) as depends_on,
       (select o.name from kernel.step o where o.tenant = s.tenant and o.plan_id = s.plan_id and o.n = s.undo_of) as undoes
  from kernel.plan p join kernel.step s on s.tenant = p.tenant and s.plan_id = p.id
 where p.tenant = $1 and p.id = $2 order by s.n"""

_MANUAL = """
select s.plan_id, p.kind as plan_kind, p.subject_resource, p.subject_id, s.n, s.name, s.action, s.queue, s.input,
       s.started_at, s.due_at
  from kernel.step s join kernel.plan p on p.tenant = s.tenant and p.id = s.plan_id
 where s.tenant = $1 and s.state = 'running' and s.kind = 'manual' and ($2::text is null or s.queue = $2)
 order by s.due_at nulls last, s.started_at, s.plan_id, s.n limit $3"""


async def get_plan(session: ReadSession, plan_id: str, context: Context) -> PlanView:
    """The plan and its whole graph. Raises NotFound."""
    steps = await session.fetch(_PLAN, context.tenant, plan_id)
    if not steps:
        raise unknown_plan(plan_id)
    plan = steps[0]["plan"]
    values = {name: plan[name] for name in PlanView.__struct_fields__ if name not in ("steps", "state", "data")}
    return PlanView(
        **values,
        state=PlanState(plan["state"]),
        data=decode(plan["data"]) or {},
        steps=tuple(_step(row) for row in steps),
    )


async def plans_of(session: ReadSession, resource: str, resource_id: str, context: Context) -> list[str]:
    """Ids of the plans about this subject, oldest first."""
    rows = await session.fetch(
        "select id from kernel.plan where tenant = $1 and subject_resource = $2 and subject_id = $3"
        " order by created_at, id limit $4",
        context.tenant,
        resource,
        resource_id,
        PAGE_MAX,
    )
    return [row["id"] for row in rows]


async def manual_steps(
    session: ReadSession, context: Context, *, queue: str | None = None, limit: int = 100
) -> Sequence[ManualStep]:
    """What waits for people, by due time; of one queue or of all."""
    rows = await session.fetch(_MANUAL, context.tenant, queue, min(limit, PAGE_MAX))
    return [ManualStep(**{**row, "input": decode(row["input"]) or {}}) for row in rows]


def decode(text: str | None) -> dict[str, Any] | None:
    """A stored JSON object."""
    return None if text is None else msgspec.json.decode(text, type=dict[str, Any] | None)


def unknown_plan(plan_id: str) -> NotFound:
    """The error for a plan that is not there."""
    return NotFound("unknownPlan", "There is no such plan.", message=f"No plan {plan_id}.", path="$.id")


def _step(row: Record) -> StepView:
    state = StepState(row["state"])
    if state == StepState.READY and row["failures"]:
        state = StepState.FAILED_WILL_RETRY
    same = (
        "n",
        "name",
        "action",
        "attempts",
        "failures",
        "max_attempts",
        "run_at",
        "due_at",
        "queue",
        "undo",
        "undoes",
    )
    return StepView(
        **{name: row[name] for name in same},
        kind=StepKind(row["kind"]),
        state=state,
        depends_on=tuple(row["depends_on"] or ()),
        input=decode(row["input"]) or {},
        result=decode(row["result"]),
        error=decode(row["error"]),
        signal=row["signal_key"],
        idempotency_key=row["idempotency_key"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )
