"""A worker of plans as a process of its own, for tests that kill it. Each step notes its beginning outside any
transaction, and its effect in (task) or outside of (callout) the step's."""

import asyncio
import os
import sys
from typing import Any

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, UnitOfWork
from trunkline.kernel.plans import PlanRunner, StepActions, StepRun


def make_actions(database: Database, pause: float = 0) -> StepActions:
    actions = StepActions()

    @actions.task("effect")
    async def effect(uow: UnitOfWork, step: StepRun, context: Context) -> dict[str, Any]:
        await uow.execute("insert into effect values ($1, 'task', $2)", step.idempotency_key, os.getpid())
        await asyncio.sleep(pause)
        return {"n": step.n, "before": sorted(step.results)}

    @actions.callout("call")
    async def call(step: StepRun, context: Context) -> dict[str, Any]:
        async with database.unit_of_work() as uow:  # stands for a device: another transaction than the step's
            await uow.execute("insert into effect values ($1, 'callout', $2)", step.idempotency_key, os.getpid())
        await asyncio.sleep(pause)
        return {"n": step.n, "before": sorted(step.results)}

    return actions


async def main() -> None:
    database = await Database.connect(sys.argv[1], max_size=8)
    await PlanRunner(database, make_actions(database, float(sys.argv[2])), batch=4).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main())
