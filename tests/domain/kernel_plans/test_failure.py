"""Failure: retries with back-off by the installation's clock, operators' repair, cancelling with compensation, the fence."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.domain.kernel_plans.scene import (
    context,
    create,
    events,
    running,
    show,
    states,
    until,
    until_state,
    until_step,
)
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, UnitOfWork
from trunkline.kernel.db.clock_store import move_clock
from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.plans import (
    Retry,
    StepActions,
    StepKind,
    StepRun,
    StepSpec,
    StepState,
    cancel_plan,
    complete_manual,
    leases,
    retry_step,
    signal,
    skip_step,
)
from trunkline.kernel.plans.ending import LeaseLost, end_step, fail_step


async def move(database: Database, by: timedelta) -> None:
    async with database.unit_of_work() as uow:
        await move_clock(uow, database.clock, database.clock.now() + by, context(database))


async def test_a_failing_step_is_retried_with_growing_pauses_and_then_fails(database: Database) -> None:
    actions, attempts = StepActions(), []

    @actions.task("bad")
    async def bad(uow: UnitOfWork, step: StepRun, context: Context) -> None:
        await uow.execute("insert into effect values ('half')")
        attempts.append((step.attempt, step.idempotency_key))
        raise OSError("the device hangs")

    retry = Retry(max_attempts=4, first=timedelta(minutes=1), longest=timedelta(minutes=3))
    plan_id = await create(
        database,
        StepSpec(name="bad", action="bad", retry=retry),
        StepSpec(name="beside", kind=StepKind.MILESTONE),
        StepSpec(name="after", kind=StepKind.MILESTONE, depends_on=("bad",)),
    )
    pauses = []
    async with running(database, actions):
        for failures in (1, 2, 3):

            async def failed(failures: int = failures) -> bool:
                return (await show(database, plan_id)).step("bad").failures == failures

            await until(failed)
            plan = await show(database, plan_id)
            step = plan.step("bad")
            assert (plan.state, step.state, step.attempts) == ("running", "failedWillRetry", failures)
            assert step.run_at is not None
            pauses.append(round((step.run_at - database.clock.now()) / timedelta(minutes=1), 1))
            assert len(attempts) == failures
            await move(database, timedelta(minutes=3))
        plan = await until_state(database, plan_id, "failed")
    assert pauses == [1.0, 2.0, 3.0]
    assert attempts == [(n, f"{plan_id}:1") for n in (1, 2, 3, 4)]
    assert states(plan) == {"bad": "failed", "beside": "completed", "after": "waiting"}
    assert plan.step("bad").error == {"code": "unexpected", "reason": "OSError: the device hangs"}
    async with database.read() as session:
        assert await session.fetch_value("select count(*) from effect") == 0
    ((type_, about, payload),) = await events(database)
    assert (type_, about) == ("PlanStepFailed", "thing/thing-1")
    assert msgspec.json.decode(payload) == {
        "planId": plan_id,
        "kind": "test",
        "state": "failed",
        "step": {"n": 1, "name": "bad"},
        "error": {"code": "unexpected", "reason": "OSError: the device hangs"},
    }


async def test_an_operator_retries_with_other_input_or_skips(database: Database) -> None:
    actions, keys = StepActions(), []

    @actions.callout("call")
    async def call(step: StepRun, context: Context) -> dict[str, Any]:
        keys.append(step.idempotency_key)
        if step.input.get("port") != 7:
            raise Invalid("wrongPort", "There is no such port.", path="$.port")
        return {"port": 7}

    plan_id = await create(
        database,
        StepSpec(name="one", action="call", kind=StepKind.CALLOUT, input={"port": 1}),
        StepSpec(name="two", action="no such action"),
        StepSpec(name="end", kind=StepKind.MILESTONE, depends_on=("one", "two")),
    )
    async with running(database, actions):
        await until_step(database, plan_id, "one", "failed")
        plan = await until_step(database, plan_id, "two", "failed")
        assert plan.step("one").attempts == 1  # our own errors say that trying again is no use
        assert (plan.step("two").error or {})["code"] == "unknownAction"
        async with database.unit_of_work() as uow:
            with pytest.raises(Conflict):
                await retry_step(uow, plan_id, 3, context(database))
            with pytest.raises(NotFound):
                await retry_step(uow, plan_id, 4, context(database))
            await retry_step(uow, plan_id, 1, context(database))
        await asyncio.sleep(0.1)
        await until_step(database, plan_id, "one", "failed")
        async with database.unit_of_work() as uow:
            await retry_step(uow, plan_id, 1, context(database), input={"port": 7})
        plan = await until_step(database, plan_id, "one", "completed")
        assert plan.state == "failed"  # step two is still open
        async with database.unit_of_work() as uow:
            await skip_step(uow, plan_id, 2, "done by hand", context(database))
        plan = await until_state(database, plan_id, "completed")
    assert states(plan) == {"one": "completed", "two": "discarded", "end": "completed"}
    assert (plan.step("two").error or {})["skipped"] == "done by hand"
    assert keys == [f"{plan_id}:1", f"{plan_id}:1", f"{plan_id}:1:2"]
    failed, resumed = "PlanStepFailed", "PlanStepResumed"
    told = [type_ for type_, _, _ in await events(database)]
    assert told[2:] == [resumed, failed, resumed, resumed, "PlanCompleted"]
    assert told[:2] == [failed, failed]


async def test_cancelling_takes_back_what_was_done_last_first(database: Database) -> None:
    done: list[Any] = []
    actions, started, finish = StepActions(), asyncio.Event(), asyncio.Event()

    @actions.task("do")
    async def do(uow: UnitOfWork, step: StepRun, context: Context) -> dict[str, Any]:
        done.append(step.name)
        return {"of": step.name}

    @actions.callout("call")
    async def call(step: StepRun, context: Context) -> dict[str, Any]:
        started.set()
        await finish.wait()
        done.append(step.name)
        return {"of": step.name}

    @actions.task("undo task")
    async def undo(uow: UnitOfWork, step: StepRun, context: Context) -> None:
        done.append((step.name, step.undoes, step.input, step.results))

    @actions.callout("undo call")
    async def undo_call(step: StepRun, context: Context) -> None:
        done.append((step.name, step.undoes, step.input, step.results))

    plan_id = await create(
        database,
        StepSpec(name="a", action="do", undo="undo task", input={"x": 1}),
        StepSpec(name="b", action="do", depends_on=("a",)),
        StepSpec(name="c", action="do", undo="undo task", depends_on=("b",)),
        StepSpec(name="d", action="call", kind=StepKind.CALLOUT, undo="undo call", depends_on=("c",)),
        StepSpec(name="e", action="do", undo="undo task", depends_on=("d",)),
        StepSpec(name="f", kind=StepKind.MANUAL, queue="q"),
    )
    async with running(database, actions):
        await started.wait()
        for _ in range(2):
            async with database.unit_of_work() as uow:
                await cancel_plan(uow, plan_id, context(database, reason="changed his mind"))
        plan = await show(database, plan_id)
        assert (plan.state, states(plan)["d"], states(plan)["e"]) == ("cancelling", "running", "discarded")
        finish.set()
        plan = await until_state(database, plan_id, "cancelled")
    a, c, d = {"of": "a"}, {"of": "c"}, {"of": "d"}
    b = {"of": "b"}
    assert done == [
        *("a", "b", "c", "d"),
        ("undo d", "d", {}, {"d": d, "a": a, "b": b, "c": c}),
        ("undo c", "c", {}, {"c": c, "a": a, "b": b}),
        ("undo a", "a", {"x": 1}, {"a": a}),
    ]
    assert states(plan) == {
        "a": "compensated",
        "b": "completed",
        "c": "compensated",
        "d": "compensated",
        "e": "discarded",
        "f": "cancelled",
        "undo a": "completed",
        "undo c": "completed",
        "undo d": "completed",
    }
    assert (plan.reason, plan.finished_at is not None) == ("changed his mind", True)
    assert [type_ for type_, _, _ in await events(database)] == ["PlanCancelled"]


async def test_cancelling_a_failed_plan_undoes_the_callout_that_may_have_had_its_effect(database: Database) -> None:
    actions, done = StepActions(), []

    @actions.callout("call")
    async def call(step: StepRun, context: Context) -> None:
        raise OSError("no answer")

    @actions.callout("undo")
    async def undo(step: StepRun, context: Context) -> None:
        done.append(step.results)

    once = Retry(max_attempts=1)
    plan_id = await create(database, StepSpec(name="a", action="call", kind=StepKind.CALLOUT, undo="undo", retry=once))
    async with running(database, actions):
        await until_state(database, plan_id, "failed")
        async with database.unit_of_work() as uow:
            await cancel_plan(uow, plan_id, context(database))
        plan = await until_state(database, plan_id, "cancelled")
    assert done == [{"a": None}]
    assert states(plan) == {"a": "compensated", "undo a": "completed"}


async def test_an_undo_that_fails_waits_for_an_operator(database: Database) -> None:
    actions, broken = StepActions(), [True]

    @actions.task("do")
    async def do(uow: UnitOfWork, step: StepRun, context: Context) -> None: ...

    @actions.task("undo")
    async def undo(uow: UnitOfWork, step: StepRun, context: Context) -> None:
        if broken[0]:
            raise Conflict("stuck", "It will not go.")

    plan_id = await create(
        database,
        StepSpec(name="a", action="do", undo="undo"),
        StepSpec(name="b", kind=StepKind.WAIT, signal="never", depends_on=("a",)),
    )
    async with running(database, actions):
        await until_step(database, plan_id, "b", "running")
        async with database.unit_of_work() as uow:
            await cancel_plan(uow, plan_id, context(database))
        plan = await until_step(database, plan_id, "undo a", "failed")
        assert (plan.state, states(plan)) == ("cancelling", {"a": "completed", "b": "cancelled", "undo a": "failed"})
        broken[0] = False
        async with database.unit_of_work() as uow:
            await retry_step(uow, plan_id, 3, context(database))
        plan = await until_state(database, plan_id, "cancelled")
    assert states(plan) == {"a": "compensated", "b": "cancelled", "undo a": "completed"}
    assert [type_ for type_, _, _ in await events(database)] == ["PlanStepFailed", "PlanStepResumed", "PlanCancelled"]
    async with database.unit_of_work() as uow:
        assert await signal(uow, "north", "never", {}, context(database)) == 0
        with pytest.raises(Conflict):
            await complete_manual(uow, plan_id, 2, {}, context(database))


async def test_what_is_completed_cannot_be_cancelled_and_what_is_unknown_is_not_found(database: Database) -> None:
    plan_id = await create(database, StepSpec(name="a", kind=StepKind.MILESTONE))
    async with running(database, StepActions()):
        await until_state(database, plan_id, "completed")
    async with database.unit_of_work() as uow:
        with pytest.raises(Conflict) as refused:
            await cancel_plan(uow, plan_id, context(database))
        assert refused.value.code == "planEnded"
        with pytest.raises(NotFound):
            await cancel_plan(uow, "no-such-plan", context(database))
    assert (await show(database, plan_id)).state == "completed"


async def test_a_timer_ends_when_the_clock_jumps_over_it(database: Database) -> None:
    at = datetime(2040, 1, 1, tzinfo=UTC)
    plan_id = await create(
        database,
        StepSpec(name="delay", kind=StepKind.TIMER, delay=timedelta(days=30)),
        StepSpec(name="instant", kind=StepKind.TIMER, at=at, depends_on=("delay",)),
        StepSpec(name="end", kind=StepKind.MILESTONE, depends_on=("instant",)),
    )
    async with running(database, StepActions()):
        await asyncio.sleep(0.2)
        assert states(await show(database, plan_id)) == {"delay": "ready", "instant": "waiting", "end": "waiting"}
        await move(database, timedelta(days=31))
        await until_step(database, plan_id, "delay", "completed")
        assert (await show(database, plan_id)).step("instant").run_at == at
        await move(database, at - database.clock.now())
        plan = await until_state(database, plan_id, "completed")
    ended = plan.step("instant").finished_at
    assert ended is not None
    assert at <= ended < at + timedelta(minutes=1)


async def test_a_worker_that_lost_its_lease_cannot_end_the_step(database: Database) -> None:
    plan_id = await create(database, StepSpec(name="a", action="x"))
    (mine,) = await leases.claim(database, "worker-1", 10, callouts=False)
    assert await leases.claim(database, "worker-2", 10, callouts=False) == []
    async with database.unit_of_work() as uow:
        assert await leases.take_back(uow, database.clock.now()) == 0
        await uow.execute("update kernel.step set lease_until = clock_timestamp() - interval '1 ms'")
        assert await leases.take_back(uow, database.clock.now()) == 1
    (again,) = await leases.claim(database, "worker-1", 10, callouts=False)  # the same worker, in another attempt
    assert (mine.held.attempt, again.held.attempt) == (1, 2)

    async def end_the_first() -> None:
        async with database.unit_of_work() as uow:
            await uow.execute("insert into effect values ('from the dead')")
            await end_step(uow, mine.held, None, context(database), now=database.clock.now())

    with pytest.raises(LeaseLost):
        await end_the_first()
    async with database.unit_of_work() as uow:
        with pytest.raises(LeaseLost):
            await fail_step(uow, mine.held, {}, context(database), now=database.clock.now(), retry_after=None)
    assert states(await show(database, plan_id)) == {"a": "running"}
    async with database.unit_of_work() as uow:
        await end_step(uow, again.held, '{"ok":true}', context(database), now=database.clock.now())
    plan = await show(database, plan_id)
    assert (plan.state, plan.step("a").state, plan.step("a").result) == ("completed", StepState.COMPLETED, {"ok": True})
    async with database.read() as session:
        assert await session.fetch_value("select count(*) from effect") == 0


async def test_a_step_that_ends_ten_workers_has_failed(database: Database) -> None:
    plan_id = await create(database, StepSpec(name="a", action="x"))
    for _ in range(leases.LOSSES_MAX):
        assert len(await leases.claim(database, "worker-1", 10, callouts=False)) == 1
        async with database.unit_of_work() as uow:
            await uow.execute("update kernel.step set lease_until = clock_timestamp() - interval '1 ms'")
            await leases.take_back(uow, database.clock.now())
    plan = await show(database, plan_id)
    assert (plan.state, plan.step("a").state, (plan.step("a").error or {})["code"]) == (
        "failed",
        "failed",
        "workerLost",
    )
    assert [type_ for type_, _, _ in await events(database)] == ["PlanStepFailed"]


async def test_a_handler_that_takes_too_long_is_stopped(database: Database) -> None:
    actions = StepActions()

    @actions.task("slow")
    async def slow(uow: UnitOfWork, step: StepRun, context: Context) -> None:
        await uow.execute("insert into effect values ('slow')")
        await asyncio.sleep(60)

    step = StepSpec(name="a", action="slow", timeout=timedelta(milliseconds=50), retry=Retry(max_attempts=1))
    plan_id = await create(database, step)
    async with running(database, actions):
        plan = await until_state(database, plan_id, "failed")
    assert plan.step("a").error == {"code": "timedOut", "reason": "It took longer than it may."}
    async with database.read() as session:
        assert await session.fetch_value("select count(*) from effect") == 0


async def test_while_a_plan_is_cancelled_only_what_takes_back_is_tried_again(database: Database) -> None:
    actions, network, broken = StepActions(), set[str](), True

    @actions.callout("on")
    async def on(_step: StepRun, _context: Context) -> None:
        network.add("line")
        raise Conflict("refused", "The line does not answer.")

    @actions.callout("off")
    async def off(_step: StepRun, _context: Context) -> None:
        if broken:
            raise Conflict("refused", "The device refuses.")
        network.discard("line")

    plan_id = await create(database, StepSpec(name="a", kind=StepKind.CALLOUT, action="on", undo="off"))
    async with running(database, actions):
        await until_state(database, plan_id, "failed")
        async with database.unit_of_work() as uow:
            await cancel_plan(uow, plan_id, context(database))
        plan = await until_step(database, plan_id, "undo a", "failed")
        with pytest.raises(Conflict, match="only a step that takes something back"):
            async with database.unit_of_work() as uow:
                await retry_step(uow, plan_id, plan.step("a").n, context(database))
        broken = False
        async with database.unit_of_work() as uow:
            await retry_step(uow, plan_id, plan.step("undo a").n, context(database))
        await until_state(database, plan_id, "cancelled")
    assert network == set()


async def test_a_step_that_ends_its_last_worker_while_its_plan_is_cancelled_does_not_keep_it(
    database: Database,
) -> None:
    plan_id = await create(database, StepSpec(name="a", action="x"))
    for n in range(leases.LOSSES_MAX):
        assert len(await leases.claim(database, "worker-1", 10, callouts=False)) == 1
        async with database.unit_of_work() as uow:
            if n == leases.LOSSES_MAX - 1:
                await cancel_plan(uow, plan_id, context(database))
            await uow.execute("update kernel.step set lease_until = clock_timestamp() - interval '1 ms'")
            await leases.take_back(uow, database.clock.now())
    assert (await show(database, plan_id)).state == "cancelled"
