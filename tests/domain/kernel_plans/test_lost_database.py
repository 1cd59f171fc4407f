"""A worker whose connections are cut goes on by itself, and nothing is lost or doubled."""

import asyncio

from tests.domain.kernel_plans.scene import create, running, until_state
from tests.domain.kernel_plans.test_graphs import check_order, effects
from tests.domain.kernel_plans.worker_process import make_actions
from trunkline.kernel.db import Database
from trunkline.kernel.plans import StepKind, StepSpec

_CUT = """select pg_terminate_backend(pid) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and application_name = 'trunkline'"""


async def test_a_worker_survives_the_loss_of_its_connections(database: Database, database_dsn: str) -> None:
    kinds = (StepKind.TASK, StepKind.CALLOUT, StepKind.TASK)
    steps = [
        StepSpec(
            name=f"s{n}",
            kind=kinds[n % 3],
            action="call" if kinds[n % 3] == StepKind.CALLOUT else "effect",
            depends_on=(f"s{n - 1}",) if n else (),
        )
        for n in range(12)
    ]
    plans = [await create(database, *steps) for _ in range(6)]
    workers = await Database.connect(database_dsn, max_size=10)
    try:
        async with running(workers, make_actions(workers, 0.01)):
            for _ in range(4):
                await asyncio.sleep(0.3)
                async with database.read() as session:
                    own = await session.fetch_value("select pg_backend_pid()")
                    await session.fetch(_CUT.replace("pg_backend_pid()", "$1"), own)
            found = [await until_state(database, plan_id, "completed") for plan_id in plans]
    finally:
        await workers.close()
    for plan in found:
        check_order(plan)
    done = [step for plan in found for step in plan.steps]
    assert await effects(database, "task") == {s.idempotency_key: 1 for s in done if s.kind == "task"}
    assert set(await effects(database, "callout")) == {s.idempotency_key for s in done if s.kind == "callout"}
    assert max(step.failures for step in done) == 0  # a lost connection is no failure of the step
