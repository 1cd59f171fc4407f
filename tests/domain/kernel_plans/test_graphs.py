"""Random graphs, and workers killed at random moments: every step ends once, and none before those it depends on."""

import asyncio
import contextlib
import random
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.domain.kernel_plans.scene import context, create, plan_of, running, show, states, until, until_state
from tests.domain.kernel_plans.worker_process import make_actions
from trunkline.kernel.db import Database
from trunkline.kernel.plans import PlanView, StepActions, StepKind, StepSpec, create_plan, leases

KINDS = (StepKind.TASK, StepKind.CALLOUT, StepKind.MILESTONE, StepKind.TIMER)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[StepSpec, ...]:
    """Any acyclic graph of up to twelve steps, in any order of writing."""
    size = draw(st.integers(1, 12))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=size, max_size=size))
    steps = []
    for n, kind in enumerate(kinds):
        before = draw(st.sets(st.integers(0, n - 1), max_size=4)) if n else set()
        steps.append(_step(n, kind, sorted(before)))
    return tuple(draw(st.permutations(steps)))


def _step(n: int, kind: StepKind, before: list[int]) -> StepSpec:
    action = {StepKind.TASK: "effect", StepKind.CALLOUT: "call"}.get(kind)
    delay = timedelta(0) if kind == StepKind.TIMER else None
    return StepSpec(name=f"s{n}", kind=kind, action=action, delay=delay, depends_on=tuple(f"s{b}" for b in before))


def check_order(plan: PlanView) -> None:
    """No step started before all it depends on had ended, and each saw the results of all steps before it."""
    steps = {step.name: step for step in plan.steps}
    before: dict[str, set[str]] = {}

    def ancestors(name: str) -> set[str]:
        if name not in before:
            direct = steps[name].depends_on
            before[name] = set(direct).union(*(ancestors(other) for other in direct))
        return before[name]

    for step in plan.steps:
        assert step.state == "completed"
        for name in step.depends_on:
            assert step.started_at is not None
            ended = steps[name].finished_at
            assert ended is not None
            # a worker reads its clock, then asks for a step: another's may have ended in between
            assert ended <= step.started_at + timedelta(milliseconds=100), f"{step.name} began before {name} had ended"
        if step.result is not None:
            assert step.result["n"] == step.n
            assert step.result["before"] == sorted(n for n in ancestors(step.name) if steps[n].result is not None)


async def effects(database: Database, kind: str) -> dict[str, int]:
    """Idempotency key → how often its effect happened."""
    async with database.read() as session:
        rows = await session.fetch("select key, count(*) as times from effect where note = $1 group by key", kind)
    return {row["key"]: row["times"] for row in rows}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=graphs())
def test_any_graph_runs_in_order_and_ends_once(graph: tuple[StepSpec, ...], database_dsn: str) -> None:
    asyncio.run(_run_graph(graph, database_dsn))


async def _run_graph(graph: tuple[StepSpec, ...], dsn: str) -> None:
    database = await Database.connect(dsn, max_size=10)
    try:
        async with database.unit_of_work() as uow:
            await uow.execute("create table if not exists public.effect(key text not null, note text, at int)")
            await uow.execute("truncate public.effect, kernel.plan, kernel.step, kernel.step_dependency, kernel.outbox")
        plan_id = await create(database, *graph)
        actions = make_actions(database)
        async with running(database, actions, batch=3), running(database, actions, batch=1):
            plan = await until_state(database, plan_id, "completed")
        check_order(plan)
        for kind in ("task", "callout"):
            assert await effects(database, kind) == {s.idempotency_key: 1 for s in plan.steps if s.kind == kind}
        async with database.read() as session:
            assert await session.fetch_value("select count(*) from kernel.outbox where type = 'PlanCompleted'") == 1
            assert await session.fetch_value("select ended from kernel.plan") == len(graph)
    finally:
        await database.close()


async def test_killed_workers_lose_nothing_and_double_nothing(database: Database, database_dsn: str) -> None:
    await _kill_workers(database, database_dsn, rounds=3, seed=7)


@pytest.mark.long
async def test_workers_killed_many_times(database: Database, database_dsn: str) -> None:
    await _kill_workers(database, database_dsn, rounds=30, seed=8)


async def _kill_workers(database: Database, dsn: str, *, rounds: int, seed: int) -> None:
    """Two workers; one or both are killed again and again while diamonds of tasks and callouts run."""
    chance = random.Random(seed)
    plans = [await create(database, *_diamond(5)) for _ in range(12 * rounds)]
    async with _workers(dsn) as workers:
        for _ in range(rounds):
            await asyncio.sleep(chance.uniform(0.2, 1.2))
            for place in chance.sample(range(2), chance.choice((1, 1, 2))):
                workers[place].kill()
                await workers[place].wait()
                workers[place] = await _worker(dsn)
        found = [await until_state(database, plan_id, "completed") for plan_id in plans]
    for plan in found:
        check_order(plan)
    steps = [step for plan in found for step in plan.steps]
    assert await effects(database, "task") == {s.idempotency_key: 1 for s in steps if s.kind == "task"}
    calls = await effects(database, "callout")
    assert set(calls) == {s.idempotency_key for s in steps if s.kind == "callout"}
    async with database.read() as session:
        assert await session.fetch_value("select count(*) from kernel.outbox where type = 'PlanCompleted'") == len(
            plans
        )
        lost = await session.fetch_value("select sum(losses) from kernel.step")
        assert await session.fetch_value("select count(*) from kernel.step where lease_holder is not null") == 0
    assert sum(calls.values()) <= len(calls) + lost  # only a step whose worker was lost is called again


def _diamond(width: int) -> tuple[StepSpec, ...]:
    middle = [
        StepSpec(
            name=f"m{n}", kind=kind, action="call" if kind == StepKind.CALLOUT else "effect", depends_on=("first",)
        )
        for n, kind in enumerate((StepKind.TASK, StepKind.CALLOUT) * width)
    ][:width]
    last = StepSpec(name="last", action="effect", depends_on=tuple(step.name for step in middle))
    return (StepSpec(name="first", action="effect"), *middle, last)


@contextlib.asynccontextmanager
async def _workers(dsn: str) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    workers = [await _worker(dsn), await _worker(dsn)]
    try:
        yield workers
    finally:
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
            await worker.wait()


async def _worker(dsn: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.domain.kernel_plans.worker_process", dsn, "0.01"
    )


async def test_another_worker_takes_over_within_three_seconds(database: Database, database_dsn: str) -> None:
    plan_id = await create(database, StepSpec(name="long", kind=StepKind.CALLOUT, action="call"))
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.domain.kernel_plans.worker_process", database_dsn, "60"
    )
    try:

        async def called() -> bool:
            return bool(await effects(database, "callout"))

        await until(called, 30)
        await asyncio.sleep(3)
        assert (await show(database, plan_id)).step("long").attempts == 1  # the heartbeat keeps it
    finally:
        worker.kill()
        await worker.wait()
    killed = time.monotonic()
    async with running(database, make_actions(database)):
        plan = await until_state(database, plan_id, "completed")
    assert time.monotonic() - killed < 3.5
    assert plan.step("long").attempts == 2
    assert await effects(database, "callout") == {f"{plan_id}:1": 2}  # the same key both times


async def test_many_waiting_plans_are_not_read(database: Database) -> None:
    """Waiting costs rows, not work: what the loops ask all the time reads no waiting row."""
    async with database.unit_of_work() as uow:
        for n in range(20):
            await create_plan(uow, plan_of(StepSpec(name="w", kind=StepKind.WAIT, signal=f"k{n}")), context(database))
        await uow.execute(
            "insert into kernel.plan select tenant, id || g, kind, subject_resource, subject_id, state, steps, ended, data,"
            " actor, correlation_id, causation_id, reason, created_at, finished_at"
            " from kernel.plan, generate_series(1, 500) g"
        )
        await uow.execute("analyze kernel.plan")
        columns = ", ".join(
            row["column_name"]
            for row in await uow.fetch(
                "select column_name from information_schema.columns where table_schema = 'kernel' and table_name = 'step'"
                " and column_name <> 'plan_id' order by ordinal_position"
            )
        )
        await uow.execute(
            f"insert into kernel.step(plan_id, {columns}) select plan_id || g, {columns}"
            " from kernel.step, generate_series(1, 500) g"
        )
        await uow.execute("analyze kernel.plan, kernel.step")
    async with database.read() as session:
        assert await session.fetch_value("select count(*) from kernel.step") == 10_020
    read = (
        "select coalesce(sum(idx_tup_fetch + seq_tup_read), 0) from pg_stat_xact_all_tables where schemaname = 'kernel'"
    )
    async with running(database, StepActions()):
        await asyncio.sleep(1.5)
        plan_id = await create(database, StepSpec(name="a", kind=StepKind.MILESTONE))
        began = time.monotonic()
        await until_state(database, plan_id, "completed")
        assert time.monotonic() - began < 1
    async with database.unit_of_work() as uow:
        before = await uow.fetch_value(read)
        assert await uow.fetch(leases._CLAIM_TASKS, database.clock.now(), 10, "me", leases.LEASE) == []
        assert await uow.fetch(leases._CLAIM_CALLOUTS, database.clock.now(), 10, "me", leases.LEASE) == []
        assert await uow.fetch_value(leases._NEXT_TASK) is None
        assert await leases.take_back(uow, database.clock.now()) == 0
        assert await uow.fetch_value(read) - before < 10
    assert states(await show(database, plan_id)) == {"a": "completed"}
