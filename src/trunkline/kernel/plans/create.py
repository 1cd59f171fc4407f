"""Storing a new plan: the plan, its steps and their dependencies in one statement."""

from datetime import datetime
from typing import Any

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.errors import Invalid
from trunkline.kernel.ids import new_id
from trunkline.kernel.plans.signals import await_keys
from trunkline.kernel.plans.spec import PlanSpec, StepKind, StepSpec, check

JSON_SIZE_MAX = 256 * 1024

_PLAN = """insert into kernel.plan
 (tenant, id, kind, subject_resource, subject_id, state, steps, ended, data, actor, correlation_id, causation_id, created_at)
 values ($1, $2, $3, $4, $5, 'running', $6, 0, $7, $8, $9, $10, $11)"""

# The start state of a step that waits for nothing is worked out by the same rules as in `ending`.
_STEPS = """insert into kernel.step
 (tenant, plan_id, n, name, kind, action, state, unmet, ancestors, input, result, run_at, delay, due_at, queue, signal_key,
  signalled, idempotency_key, attempts, failures, losses, max_attempts, retry_first, retry_longest, timeout, undo, undo_of,
  started_at)
 select $1, $2, t.n, t.name, t.kind, t.action, t.state, t.unmet, t.ancestors::int[], t.input::json, t.result::json,
        t.run_at, t.delay, t.due_at, t.queue, t.signal_key, t.signalled, $2 || ':' || t.n, 0, 0, 0, t.max_attempts,
        t.retry_first, t.retry_longest, t.timeout, t.undo, t.undo_of, t.started_at
   from unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[], $9::text[], $10::text[], $11::text[],
               $12::timestamptz[], $13::interval[], $14::timestamptz[], $15::text[], $16::text[], $17::bool[], $18::int[],
               $19::interval[], $20::interval[], $21::interval[], $22::text[], $23::int[], $24::timestamptz[])
     as t(n, name, kind, action, state, unmet, ancestors, input, result, run_at, delay, due_at, queue, signal_key,
          signalled, max_attempts, retry_first, retry_longest, timeout, undo, undo_of, started_at)"""

_DEPENDENCIES = """insert into kernel.step_dependency(tenant, plan_id, successor, predecessor)
 select $1, $2, t.successor, t.predecessor from unnest($3::int[], $4::int[]) as t(successor, predecessor)"""


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """A step as it is stored; the fields are the columns of `_STEPS` in their order."""

    n: int
    name: str
    kind: str
    action: str | None
    state: str
    unmet: int
    ancestors: str
    input: str
    result: str | None = None
    run_at: datetime | None = None
    delay: Any = None
    due_at: datetime | None = None
    queue: str | None = None
    signal_key: str | None = None
    signalled: bool = False
    max_attempts: int
    retry_first: Any
    retry_longest: Any
    timeout: Any
    undo: str | None = None
    undo_of: int | None = None
    started_at: datetime | None = None


async def create_plan(uow: UnitOfWork, spec: PlanSpec, context: Context) -> str:
    """Store a plan and let its first steps start when this unit of work commits; returns the plan's id.

    Raises Invalid for a circle, an unknown dependency, a malformed step or a size beyond the limits.
    """
    check(spec)
    plan_id = new_id()
    given = await await_keys(uow, [s.signal for s in spec.steps if s.signal is not None], context)
    numbers = {step.name: n for n, step in enumerate(spec.steps, 1)}
    predecessors = {numbers[step.name]: sorted({numbers[name] for name in step.depends_on}) for step in spec.steps}
    ancestors = _ancestors(predecessors)
    rows = [
        _row(
            step,
            numbers[step.name],
            predecessors[numbers[step.name]],
            ancestors[numbers[step.name]],
            given,
            context.now,
        )
        for step in spec.steps
    ]
    await uow.execute(
        _PLAN,
        context.tenant,
        plan_id,
        spec.kind,
        spec.subject_resource,
        spec.subject_id,
        len(rows),
        encode(spec.data, "$.data"),
        context.actor,
        context.correlation_id,
        context.causation_id,
        context.now,
    )
    await insert_steps(
        uow, context.tenant, plan_id, rows, [(n, before) for n in predecessors for before in predecessors[n]]
    )
    uow.wake()
    return plan_id


async def insert_steps(
    uow: UnitOfWork, tenant: str, plan_id: str, rows: list[StepRow], dependencies: list[tuple[int, int]]
) -> None:
    """Store steps and (successor, predecessor) pairs of a plan that is there."""
    columns = [[getattr(row, name) for row in rows] for name in StepRow.__struct_fields__]
    await uow.execute(_STEPS, tenant, plan_id, *columns)
    if dependencies:
        await uow.execute(_DEPENDENCIES, tenant, plan_id, [d[0] for d in dependencies], [d[1] for d in dependencies])


def encode(value: Any, path: str) -> str:
    """A JSON object as text. Raises Invalid when it is not JSON or larger than 256 KiB."""
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError) as error:
        raise Invalid("notJson", "This cannot be stored as JSON.", message=str(error), path=path) from error
    if len(text) > JSON_SIZE_MAX or "\\u0000" in text:
        raise Invalid("jsonSize", f"A plan stores JSON of at most {JSON_SIZE_MAX} bytes, without NUL.", path=path)
    return text


def numbers_text(numbers: list[int]) -> str:
    """Numbers as the text of a PostgreSQL array: arrays of arrays of unequal length cannot be parameters."""
    return "{" + ",".join(map(str, numbers)) + "}"


def _row(
    step: StepSpec, n: int, predecessors: list[int], ancestors: list[int], given: dict[str, str | None], now: datetime
) -> StepRow:
    kind = StepKind(step.kind)
    signalled = step.signal is not None and step.signal in given
    free = not predecessors
    by_others = kind == StepKind.MANUAL or (kind == StepKind.WAIT and not signalled)
    run_at = step.at
    if free and run_at is None and not by_others:
        run_at = now + step.delay if kind == StepKind.TIMER and step.delay is not None else now
    return StepRow(
        n=n,
        name=step.name,
        kind=kind.value,
        action=step.action,
        state="waiting" if not free else "running" if by_others else "ready",
        unmet=len(predecessors),
        ancestors=numbers_text(ancestors),
        input=encode(step.input, f"$.steps[{n - 1}].input"),
        result=given[step.signal] if signalled and step.signal is not None else None,
        run_at=run_at,
        delay=step.delay,
        due_at=now + step.delay if free and kind == StepKind.MANUAL and step.delay is not None else None,
        queue=step.queue,
        signal_key=step.signal,
        signalled=signalled,
        max_attempts=step.retry.max_attempts,
        retry_first=step.retry.first,
        retry_longest=step.retry.longest,
        timeout=step.timeout,
        undo=step.undo,
        started_at=now if free and by_others else None,
    )


def _ancestors(predecessors: dict[int, list[int]]) -> dict[int, list[int]]:
    """All steps before each step, near and far. The graph is known to have no circle."""
    found: dict[int, set[int]] = {n: set() for n in predecessors}
    followers: dict[int, list[int]] = {n: [] for n in predecessors}
    unmet = {n: len(before) for n, before in predecessors.items()}
    for n, before in predecessors.items():
        for predecessor in before:
            followers[predecessor].append(n)
    free = [n for n, count in unmet.items() if count == 0]
    while free:
        n = free.pop()
        for follower in followers[n]:
            found[follower] |= found[n] | {n}
            unmet[follower] -= 1
            if unmet[follower] == 0:
                free.append(follower)
    return {n: sorted(before) for n, before in found.items()}
