"""A bill run as the API starts it: queued, run by a worker as a job, with progress, seen by its id."""

import asyncio
from datetime import date

import msgspec
import pytest

from tests.domain.billing.scene import Scene
from trunkline.bss.billing import jobs
from trunkline.bss.billing import run as running
from trunkline.bss.billing.contracts import JOB_KIND, RunBills
from trunkline.bss.billing.facade import get_run, open_run, run_bills
from trunkline.kernel.jobs import JobActions, JobCancelled, JobRunner, JobState, JobView, create_job, get_job


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


@pytest.mark.parametrize(
    ("error", "job_state", "run_state"),
    [(JobCancelled(), JobState.CANCELLED, "cancelled"), (LookupError("a mistake of ours"), JobState.FAILED, "failed")],
)
async def test_a_run_that_ended_early_says_so_and_is_taken_up_again(
    scene: Scene, error: Exception, job_state: JobState, run_state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        await scene.first_line()
    command = RunBills(cut_off_date=date(2026, 7, 1), cycle="monthly-1")

    async def breaking(*_: object) -> object:
        raise error

    async with scene.database.unit_of_work() as uow:
        run_id = await create_job(uow, JOB_KIND, msgspec.to_builtins(command), scene.context)
    with monkeypatch.context() as patched:
        patched.setattr(running, "bill_account", breaking)
        job = await finished(scene, run_id)
    assert job.state == job_state
    async with scene.database.read() as session:
        view = await get_run(session, run_id, scene.context)
    assert (view.state, view.billed) == (run_state, 0)
    assert view.finished_at is not None
    again = await run_bills(scene.database, run_id, command, scene.context)
    assert (again.state, again.billed) == ("completed", 2)
