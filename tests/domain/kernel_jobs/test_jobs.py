"""Jobs: progress, results, failure, cancelling, take-over from a killed worker."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.domain.kernel_jobs.worker_process import actions as counting
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.jobs import JobActions, JobRun, JobRunner, JobView, cancel_job, create_job, get_job, list_jobs


def context(database: Database, tenant: str = "north") -> Context:
    return Context(
        tenant=tenant, actor="user-7", channel="api", now=database.clock.now(), correlation_id="cause-1", reason="test"
    )


async def create(database: Database, kind: str = "count", **values: Any) -> str:
    async with database.unit_of_work() as uow:
        return await create_job(uow, kind, values, context(database))


async def show(database: Database, job_id: str) -> JobView:
    async with database.read() as session:
        return await get_job(session, job_id, context(database))


async def until(check: Callable[[], Awaitable[Any]], seconds: float = 15) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := await check()):
        assert time.monotonic() < deadline, "what the test waits for did not come"
        await asyncio.sleep(0.01)
    return found


async def until_state(database: Database, job_id: str, state: str) -> JobView:
    async def reached() -> JobView | None:
        job = await show(database, job_id)
        return job if job.state == state else None

    return await until(reached)  # type: ignore[no-any-return]  # what `reached` answers


async def parts(database: Database) -> list[int]:
    async with database.read() as session:
        return [row["part"] for row in await session.fetch("select part from effect order by part")]


@contextlib.asynccontextmanager
async def running(database: Database, actions: JobActions) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(JobRunner(database, actions).run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def test_a_job_runs_and_shows_how_far_it_is(database: Database) -> None:
    actions, seen, go = JobActions(), [], asyncio.Event()

    @actions.job("work")
    async def work(job: JobRun, database: Database, context: Context) -> dict[str, Any]:
        seen.append((job.input, job.attempt, context.tenant, context.actor, context.correlation_id, context.reason))
        await job.progress(3, 10, "three of ten")
        await go.wait()
        await job.progress(10, 10, "all")
        return {"n": 10}

    job_id = await create(database, "work", a=1)
    assert (await show(database, job_id)).state == "queued"
    async with running(database, actions):

        async def reported() -> JobView | None:
            job = await show(database, job_id)
            return job if job.done else None

        job = await until(reported)
        assert (job.state, job.done, job.total, job.message) == ("running", 3, 10, "three of ten")
        go.set()
        job = await until_state(database, job_id, "completed")
    assert (job.done, job.total, job.message, job.result, job.error) == (10, 10, "all", {"n": 10}, None)
    assert job.started_at is not None
    assert job.finished_at is not None
    assert job.created_at <= job.started_at <= job.finished_at
    assert seen == [({"a": 1}, 1, "north", "user-7", "cause-1", "test")]


async def test_a_failure_is_kept_and_the_runner_goes_on(database: Database) -> None:
    actions = JobActions()

    @actions.job("bad")
    async def bad(job: JobRun, database: Database, context: Context) -> None:
        raise Invalid("wrongInput", "This will not do.", path="$.a")

    @actions.job("worse")
    async def worse(job: JobRun, database: Database, context: Context) -> None:
        raise ZeroDivisionError("by zero")

    jobs = [await create(database, kind) for kind in ("bad", "worse", "unheard of")]
    async with running(database, actions):
        found = [await until_state(database, job_id, "failed") for job_id in jobs]
    assert [job.error for job in found] == [
        {"code": "wrongInput", "reason": "This will not do.", "path": "$.a"},
        {"code": "unexpected", "reason": "ZeroDivisionError: by zero"},
        {"code": "unknownJobKind", "reason": "No handler is registered for jobs of the kind 'unheard of'."},
    ]
    assert [job.attempts for job in found] == [1, 1, 1]


async def test_cancelling(database: Database) -> None:
    queued = await create(database, upTo=3)
    for _ in range(2):
        async with database.unit_of_work() as uow:
            assert (await cancel_job(uow, queued, context(database))).state == "cancelled"
    job_id = await create(database, upTo=10_000, pause=5)
    async with running(database, counting):

        async def begun() -> bool:
            return len(await parts(database)) > 3

        await until(begun)
        async with database.unit_of_work() as uow:
            asked = await cancel_job(uow, job_id, context(database))
        assert (asked.state, asked.cancel_requested) == ("running", True)
        job = await until_state(database, job_id, "cancelled")
    done = await parts(database)
    assert done == list(range(len(done)))
    assert len(done) < 10_000
    assert job.result is None
    assert (await show(database, queued)).started_at is None


async def test_what_cannot_be_cancelled_or_found(database: Database) -> None:
    job_id = await create(database, upTo=1)
    async with running(database, counting):
        await until_state(database, job_id, "completed")
    async with database.unit_of_work() as uow:
        with pytest.raises(Conflict) as refused:
            await cancel_job(uow, job_id, context(database))
        assert refused.value.code == "jobEnded"
        with pytest.raises(NotFound):
            await get_job(uow, job_id, context(database, "south"))
        with pytest.raises(NotFound):
            await cancel_job(uow, job_id, context(database, "south"))
        with pytest.raises(Invalid):
            await create_job(uow, "count", {"a": "x" * 300_000}, context(database))
        assert [job.id for job in await list_jobs(uow, context(database))] == [job_id]
        assert await list_jobs(uow, context(database), state="failed") == []
        assert await list_jobs(uow, context(database, "south")) == []


async def test_a_stopped_runner_hands_its_job_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.kernel.jobs.runner.STOP_GRACE", 0.05)
    job_id = await create(database, upTo=60, pause=10)
    async with running(database, counting):

        async def begun() -> bool:
            return len(await parts(database)) > 3

        await until(begun)
    job = await show(database, job_id)
    assert (job.state, job.attempts) == ("queued", 0)
    async with running(database, counting):
        job = await until_state(database, job_id, "completed")
    assert await parts(database) == list(range(60))
    assert job.result is not None
    assert job.result["begin"] > 3


async def test_a_killed_worker_is_replaced_within_three_seconds_and_nothing_is_done_twice(
    database: Database, database_dsn: str
) -> None:
    job_id = await create(database, upTo=150, pause=10)
    command = [sys.executable, "-m", "tests.domain.kernel_jobs.worker_process", database_dsn]
    worker = await asyncio.create_subprocess_exec(*command)
    try:

        async def begun() -> bool:
            return len(await parts(database)) > 10

        await until(begun, 30)
    finally:
        worker.kill()
        await worker.wait()
    killed = time.monotonic()
    done = len(await parts(database))
    async with running(database, counting):

        async def goes_on() -> bool:
            return len(await parts(database)) > done

        await until(goes_on)
        assert time.monotonic() - killed < 3.5
        job = await until_state(database, job_id, "completed")
    assert await parts(database) == list(range(150))
    assert job.attempts == 2
    assert job.result == {"counted": 150, "begin": done}
    assert (job.done, job.total) == (150, 150)
