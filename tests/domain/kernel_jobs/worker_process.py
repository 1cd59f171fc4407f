"""A worker of jobs as a process of its own, for tests that kill it: counts to `upTo`, each part and its checkpoint in
one transaction."""

import asyncio
import os
import sys
from typing import Any

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.jobs import JobActions, JobRun, JobRunner

actions = JobActions()


@actions.job("count")
async def count(job: JobRun, database: Database, context: Context) -> dict[str, Any]:
    begin = (job.checkpoint or {"next": 0})["next"]
    for part in range(begin, job.input["upTo"]):
        job.check()
        async with database.unit_of_work() as uow:
            await uow.execute("insert into effect values ($1, $2)", part, os.getpid())
            await job.save(uow, {"next": part + 1})
        await job.progress(part + 1, job.input["upTo"], f"part {part}")
        await asyncio.sleep(job.input.get("pause", 0) / 1000)
    return {"counted": job.input["upTo"], "begin": begin}


async def main() -> None:
    database = await Database.connect(sys.argv[1], max_size=6)
    await JobRunner(database, actions).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main())
