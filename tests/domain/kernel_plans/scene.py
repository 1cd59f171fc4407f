"""What the tests of plans share: a context, a runner around a block, waiting for a state, a table for effects."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.plans import PlanRunner, PlanSpec, PlanView, StepActions, StepSpec, create_plan, get_plan

TENANT = "north"


def context(database: Database, *, reason: str | None = None) -> Context:
    return Context(
        tenant=TENANT,
        actor="user-7",
        channel="api",
        now=database.clock.now(),
        correlation_id="cause-1",
        reason=reason,
    )


def plan_of(*steps: StepSpec, **data: Any) -> PlanSpec:
    return PlanSpec(kind="test", subject_resource="thing", subject_id="thing-1", steps=steps, data=data)


async def create(database: Database, *steps: StepSpec, **data: Any) -> str:
    async with database.unit_of_work() as uow:
        return await create_plan(uow, plan_of(*steps, **data), context(database))


async def show(database: Database, plan_id: str) -> PlanView:
    async with database.read() as session:
        return await get_plan(session, plan_id, context(database))


def states(plan: PlanView) -> dict[str, str]:
    return {step.name: step.state.value for step in plan.steps}


async def until(check: Callable[[], Awaitable[Any]], seconds: float = 15) -> Any:
    """Wait until `check` answers something true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := await check()):
        assert time.monotonic() < deadline, "what the test waits for did not come"
        await asyncio.sleep(0.01)
    return found


async def until_state(database: Database, plan_id: str, state: str) -> PlanView:
    async def reached() -> PlanView | None:
        plan = await show(database, plan_id)
        return plan if plan.state == state else None

    try:
        return await until(reached)  # type: ignore[no-any-return]  # what `reached` answers
    except AssertionError:
        plan = await show(database, plan_id)
        raise AssertionError(f"plan is {plan.state}: {states(plan)}") from None


async def until_step(database: Database, plan_id: str, name: str, state: str) -> PlanView:
    async def reached() -> PlanView | None:
        plan = await show(database, plan_id)
        return plan if states(plan).get(name) == state else None

    return await until(reached)  # type: ignore[no-any-return]  # what `reached` answers


async def events(database: Database) -> list[tuple[str, str, Any]]:
    """Type, subject and payload of everything published, in order."""
    async with database.read() as session:
        rows = await session.fetch(
            "select type, resource || '/' || resource_id as about, payload from kernel.outbox order by seq"
        )
    return [(row["type"], row["about"], row["payload"]) for row in rows]


@contextlib.asynccontextmanager
async def running(database: Database, actions: StepActions, **options: Any) -> AsyncIterator[PlanRunner]:
    """A runner in this process, while the block lasts."""
    stop = asyncio.Event()
    runner = PlanRunner(database, actions, **options)
    task = asyncio.create_task(runner.run(stop))
    try:
        yield runner
    finally:
        stop.set()
        await task
