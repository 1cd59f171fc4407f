"""Plans that run: order, results, kinds of step, events."""

import asyncio
from typing import Any

import msgspec
import pytest

from tests.domain.kernel_plans.scene import (
    context,
    create,
    events,
    plan_of,
    running,
    show,
    states,
    until_state,
    until_step,
)
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, UnitOfWork
from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.plans import (
    PlanSpec,
    StepActions,
    StepKind,
    StepRun,
    StepSpec,
    complete_manual,
    create_plan,
    get_plan,
    manual_steps,
    signal,
)


async def test_steps_run_in_order_and_see_the_results_of_all_steps_before_them(database: Database) -> None:
    actions = StepActions()
    seen: list[StepRun] = []

    @actions.task("effect")
    async def effect(uow: UnitOfWork, step: StepRun, context: Context) -> dict[str, Any]:
        seen.append(step)
        await uow.execute("insert into effect values ($1, $2)", step.idempotency_key, context.correlation_id)
        return {"of": step.name}

    @actions.callout("call")
    async def call(step: StepRun, context: Context) -> None:
        assert (context.tenant, context.actor, context.channel) == ("north", "user-7", "worker")
        seen.append(step)

    plan_id = await create(
        database,
        StepSpec(name="last", depends_on=("both",), action="effect"),
        StepSpec(name="one", action="effect", input={"a": 1}),
        StepSpec(name="two", action="call", kind=StepKind.CALLOUT, depends_on=("one",)),
        StepSpec(name="three", action="effect", depends_on=("one",)),
        StepSpec(name="both", kind=StepKind.MILESTONE, depends_on=("two", "three")),
        shared="x",
    )
    before = await show(database, plan_id)
    assert states(before) == {
        "last": "waiting",
        "one": "ready",
        "two": "waiting",
        "three": "waiting",
        "both": "waiting",
    }
    async with running(database, actions):
        plan = await until_state(database, plan_id, "completed")

    assert set(states(plan).values()) == {"completed"}
    assert sorted(step.name for step in seen) == ["last", "one", "three", "two"]
    assert seen[0].name == "one"
    assert (seen[0].input, seen[0].data, seen[0].results, seen[0].attempt) == ({"a": 1}, {"shared": "x"}, {}, 1)
    assert (seen[0].subject_resource, seen[0].subject_id, seen[0].idempotency_key) == (
        "thing",
        "thing-1",
        f"{plan_id}:2",
    )
    assert seen[-1].name == "last"
    assert seen[-1].results == {"one": {"of": "one"}, "three": {"of": "three"}}
    assert plan.step("both").depends_on == ("two", "three")
    assert all(step.started_at and step.finished_at and step.started_at <= step.finished_at for step in plan.steps)
    async with database.read() as session:
        effects = await session.fetch("select key, note from effect order by key")
    assert [tuple(row) for row in effects] == [(f"{plan_id}:{n}", "cause-1") for n in (1, 2, 4)]
    published = await events(database)
    assert [(type_, about) for type_, about, _ in published] == [("PlanCompleted", "thing/thing-1")]
    assert msgspec.json.decode(published[0][2]) == {"planId": plan_id, "kind": "test", "state": "completed"}


async def test_a_manual_step_waits_for_its_person(database: Database) -> None:
    plan_id = await create(
        database,
        StepSpec(name="start", kind=StepKind.MILESTONE),
        StepSpec(name="install", kind=StepKind.MANUAL, queue="field", depends_on=("start",), input={"site": "S"}),
        StepSpec(name="end", kind=StepKind.MILESTONE, depends_on=("install",)),
    )
    async with database.unit_of_work() as uow:
        with pytest.raises(Conflict) as early:
            await complete_manual(uow, plan_id, 2, {"ok": True}, context(database))
        assert early.value.code == "stepNotOpen"
    async with running(database, StepActions()):
        await until_step(database, plan_id, "install", "running")
        async with database.read() as session:
            assert await manual_steps(session, context(database), queue="office") == []
            (open_step,) = await manual_steps(session, context(database), queue="field")
        assert (open_step.plan_id, open_step.n, open_step.name, open_step.input) == (
            plan_id,
            2,
            "install",
            {"site": "S"},
        )
        for _ in range(2):  # twice the same is once
            async with database.unit_of_work() as uow:
                await complete_manual(uow, plan_id, 2, {"serial": "A1"}, context(database))
        plan = await until_state(database, plan_id, "completed")
    assert plan.step("install").result == {"serial": "A1"}
    async with database.unit_of_work() as uow:
        with pytest.raises(Conflict):
            await complete_manual(uow, plan_id, 2, {"serial": "B2"}, context(database))
        with pytest.raises(NotFound):
            await complete_manual(uow, plan_id, 9, {}, context(database))
    async with database.read() as session:
        assert (
            await session.fetch_value("select count(*) from kernel.audit where resource_id = $1", f"{plan_id}:2") == 1
        )


@pytest.mark.parametrize("moment", ["before the plan", "before the step", "while it waits"])
async def test_a_signal_is_not_lost(database: Database, moment: str) -> None:
    async def give(value: int) -> int:
        async with database.unit_of_work() as uow:
            return await signal(uow, "north", "line:7", {"value": value}, context(database))

    if moment == "before the plan":
        assert await give(1) == 0
    plan_id = await create(
        database,
        StepSpec(name="go", kind=StepKind.MANUAL, queue="q"),
        StepSpec(name="seen", kind=StepKind.WAIT, signal="line:7", depends_on=("go",)),
    )
    if moment == "before the step":
        assert await give(1) == 1
    async with running(database, StepActions()):
        assert states(await show(database, plan_id))["seen"] == "waiting"
        async with database.unit_of_work() as uow:
            await complete_manual(uow, plan_id, 1, {}, context(database))
        if moment == "while it waits":
            await until_step(database, plan_id, "seen", "running")
            assert await give(1) == 1
        plan = await until_state(database, plan_id, "completed")
        assert await give(2) == 0
    assert plan.step("seen").result == {"value": 1}


async def test_signals_of_another_tenant_or_key_do_not_count(database: Database) -> None:
    plan_id = await create(database, StepSpec(name="seen", kind=StepKind.WAIT, signal="line:7"))
    async with database.unit_of_work() as uow:
        assert await signal(uow, "south", "line:7", {}, context(database)) == 0
        assert await signal(uow, "north", "line:8", {}, context(database)) == 0
    assert states(await show(database, plan_id)) == {"seen": "running"}


async def test_signal_and_plan_at_the_same_moment(database: Database) -> None:
    """Neither transaction sees the other's rows; the key's row makes one wait for the other."""
    for n in range(20):
        spec = plan_of(StepSpec(name="seen", kind=StepKind.WAIT, signal=f"key:{n}"))

        async def give(key: str = f"key:{n}") -> None:
            async with database.unit_of_work() as uow:
                await signal(uow, "north", key, None, context(database))
                await asyncio.sleep(0.005)

        async def plan(spec: PlanSpec = spec) -> str:
            async with database.unit_of_work() as uow:
                found = await create_plan(uow, spec, context(database))
                await asyncio.sleep(0.005)
                return found

        _, plan_id = await asyncio.gather(give(), plan())
        assert states(await show(database, plan_id)) == {"seen": "ready"}


async def test_a_wrong_plan_is_refused_and_leaves_nothing(database: Database) -> None:
    wrong: list[tuple[str, tuple[StepSpec, ...]]] = [
        ("planSize", ()),
        ("planCycle", tuple(StepSpec(name=a, action="x", depends_on=(b,)) for a, b in ("ab", "bc", "ca"))),
        ("unknownStep", (StepSpec(name="a", action="x", depends_on=("b",)),)),
        ("duplicateStep", (StepSpec(name="a", action="x"), StepSpec(name="a", action="x"))),
        ("stepAction", (StepSpec(name="a"),)),
        ("stepSignal", (StepSpec(name="a", kind=StepKind.WAIT),)),
        ("stepQueue", (StepSpec(name="a", kind=StepKind.MANUAL),)),
        ("stepDue", (StepSpec(name="a", kind=StepKind.TIMER),)),
        ("planSize", tuple(StepSpec(name=str(n), action="x") for n in range(501))),
        ("notJson", (StepSpec(name="a", action="x", input={"a": object()}),)),
    ]
    for code, steps in wrong:
        with pytest.raises(Invalid) as refused:
            await create(database, *steps)
        assert refused.value.code == code
    async with database.read() as session:
        assert await session.fetch_value("select count(*) from kernel.plan") == 0
        with pytest.raises(NotFound):
            await get_plan(session, "no-such-plan", context(database))
