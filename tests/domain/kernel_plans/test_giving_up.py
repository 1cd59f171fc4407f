"""Giving a part of a plan up: its steps are taken back, the rest goes on, and the plan ends when both have."""

from typing import Any

import pytest

from tests.domain.kernel_plans.scene import context, create, events, running, show, states, until_state, until_step
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, UnitOfWork
from trunkline.kernel.errors import Conflict, NotFound, Unavailable
from trunkline.kernel.plans import (
    Retry,
    StepActions,
    StepKind,
    StepRun,
    StepSpec,
    cancel_plan,
    complete_manual,
    give_up,
    leases,
    retry_step,
)

ONCE = Retry(max_attempts=1)
CLOSING = StepSpec(name="1.closed", action="do", input={"of": "closing"})


def scene(done: list[Any], broken: set[str]) -> StepActions:
    """Actions that note what they did: `do`, `undo`, and `call`, which fails where its step's name is in `broken`."""
    actions = StepActions()

    @actions.task("do")
    async def do(uow: UnitOfWork, step: StepRun, context: Context) -> None:
        done.append(step.name)

    @actions.task("undo")
    async def undo(uow: UnitOfWork, step: StepRun, context: Context) -> None:
        if step.name in broken:
            raise Conflict("stuck", "It will not go.")
        done.append(step.name)

    @actions.callout("call")
    async def call(step: StepRun, context: Context) -> None:
        if step.name in broken:
            raise Conflict("refused", "The device refuses.")
        done.append(step.name)

    @actions.callout("uncall")
    async def uncall(step: StepRun, context: Context) -> None:
        done.append(step.name)

    return actions


def branch(name: str) -> list[StepSpec]:
    return [
        StepSpec(name=f"{name}.reserve", action="do", undo="undo"),
        StepSpec(
            name=f"{name}.call",
            action="call",
            kind=StepKind.CALLOUT,
            undo="uncall",
            retry=ONCE,
            depends_on=(f"{name}.reserve",),
        ),
        StepSpec(name=f"{name}.person", kind=StepKind.MANUAL, queue="field", depends_on=(f"{name}.call",)),
    ]


async def test_a_part_is_taken_back_last_first_while_the_rest_goes_on(database: Database) -> None:
    done: list[str] = []
    plan_id = await create(database, *branch("1"), *branch("2"))
    async with running(database, scene(done, {"1.call"})):
        await until_step(database, plan_id, "2.person", "running")
        await until_state(database, plan_id, "failed")
        async with database.unit_of_work() as uow:
            await give_up(uow, plan_id, [1, 2, 3], context(database), closing=CLOSING)
        plan = await until_step(database, plan_id, "1.closed", "completed")
        assert plan.state == "running"
        async with database.unit_of_work() as uow:
            await complete_manual(uow, plan_id, 6, {}, context(database))
        plan = await until_state(database, plan_id, "completed")
    assert done[-3:] == ["undo 1.call", "undo 1.reserve", "1.closed"]
    assert states(plan) == {
        "1.reserve": "compensated",
        "1.call": "compensated",
        "1.person": "discarded",
        "2.reserve": "completed",
        "2.call": "completed",
        "2.person": "completed",
        "undo 1.call": "completed",
        "undo 1.reserve": "completed",
        "1.closed": "completed",
    }
    assert [type_ for type_, _, _ in await events(database)] == ["PlanStepFailed", "PlanCompleted"]


async def test_an_undo_that_fails_stops_the_plan_until_it_is_retried(database: Database) -> None:
    done: list[str] = []
    broken = {"1.call", "undo 1.reserve"}
    plan_id = await create(database, *branch("1"))
    async with running(database, scene(done, broken)):
        await until_state(database, plan_id, "failed")
        async with database.unit_of_work() as uow:
            await give_up(uow, plan_id, [1, 2, 3], context(database), closing=CLOSING)
        await until_step(database, plan_id, "undo 1.reserve", "failed")
        plan = await until_state(database, plan_id, "failed")
        assert plan.step("1.closed").state == "waiting"
        broken.clear()
        async with database.unit_of_work() as uow:
            await retry_step(uow, plan_id, plan.step("undo 1.reserve").n, context(database))
        await until_state(database, plan_id, "completed")
    assert done == ["1.reserve", "undo 1.call", "undo 1.reserve", "1.closed"]
    assert [type_ for type_, _, _ in await events(database)] == [
        "PlanStepFailed",
        "PlanStepFailed",
        "PlanStepResumed",
        "PlanCompleted",
    ]


async def test_cancelling_the_plan_afterwards_takes_back_only_what_is_left(database: Database) -> None:
    done: list[str] = []
    plan_id = await create(database, *branch("1"), *branch("2"))
    async with running(database, scene(done, {"1.call"})):
        await until_step(database, plan_id, "2.person", "running")
        await until_state(database, plan_id, "failed")
        async with database.unit_of_work() as uow:
            await give_up(uow, plan_id, [1, 2, 3], context(database), closing=CLOSING)
        await until_step(database, plan_id, "1.closed", "completed")
        async with database.unit_of_work() as uow:
            await cancel_plan(uow, plan_id, context(database))
        plan = await until_state(database, plan_id, "cancelled")
    assert done[-5:] == ["undo 1.call", "undo 1.reserve", "1.closed", "undo 2.call", "undo 2.reserve"]
    assert {state for name, state in states(plan).items() if name.startswith("2.")} == {"compensated", "cancelled"}


async def test_what_is_run_needed_or_ended_cannot_be_given_up(database: Database) -> None:
    plan_id = await create(database, *branch("1"))
    async with database.unit_of_work() as uow:
        with pytest.raises(NotFound):
            await give_up(uow, "no-such-plan", [1], context(database), closing=CLOSING)
        with pytest.raises(Conflict) as refused:
            await give_up(uow, plan_id, [1], context(database), closing=CLOSING)
        assert refused.value.code == "partIsNeeded"
    await leases.claim(database, "worker-1", 10, callouts=False)
    async with database.unit_of_work() as uow:
        with pytest.raises(Unavailable) as later:
            await give_up(uow, plan_id, [1, 2, 3], context(database), closing=CLOSING)
        assert later.value.code == "stepRunning"
    assert states(await show(database, plan_id)) == {"1.reserve": "running", "1.call": "waiting", "1.person": "waiting"}
    ended = await create(database, StepSpec(name="a", kind=StepKind.MILESTONE))
    async with running(database, StepActions()):
        await until_state(database, ended, "completed")
    async with database.unit_of_work() as uow:
        with pytest.raises(Conflict) as over:
            await give_up(uow, ended, [1], context(database), closing=CLOSING)
    assert over.value.code == "planEnded"
