"""A bill run as the API starts it: queued, run by a worker as a job, with progress, seen by its id."""

import asyncio
from datetime import date

import msgspec

from tests.domain.billing.scene import Scene
from trunkline.bss.billing import jobs
from trunkline.bss.billing.contracts import JOB_KIND, RunBills
from trunkline.bss.billing.facade import get_run, open_run
from trunkline.kernel.jobs import JobActions, JobRunner, JobState, JobView, create_job, get_job


async def finished(scene: Scene, job_id: str) -> JobView:
    stop = asyncio.Event()
    actions = JobActions()
    jobs.register(actions)
    worker = asyncio.create_task(JobRunner(scene.database, actions).run(stop))
    try:
        async with asyncio.timeout(20):
            while True:
                async with scene.database.read() as session:
                    job = await get_job(session, job_id, scene.context)
                if job.finished_at is not None:
                    return job
                await asyncio.sleep(0.02)
    finally:
        stop.set()
        await worker


async def test_a_run_is_a_job(scene: Scene) -> None:
    for _ in range(3):
        await scene.first_line()
    command = RunBills(cut_off_date=date(2026, 7, 1), cycle="monthly-1")
    async with scene.database.unit_of_work() as uow:
        run_id = await create_job(uow, JOB_KIND, msgspec.to_builtins(command), scene.context)
        await open_run(uow, run_id, command, scene.context)
    async with scene.database.read() as session:
        assert (await get_run(session, run_id, scene.context)).state == "running"
    job = await finished(scene, run_id)
    assert (job.state, job.done, job.total) == (JobState.COMPLETED, 3, 3)
    async with scene.database.read() as session:
        view = await get_run(session, run_id, scene.context)
    assert job.result == msgspec.to_builtins(view)
    assert (view.state, view.billed, view.failed) == ("completed", 3, 0)
