"""The worker of jobs: claims under a lease, runs handlers, takes over from workers that are gone."""

import asyncio
from typing import Any

import msgspec
import structlog

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, Record
from trunkline.kernel.db.wakeup import Wakeup
from trunkline.kernel.errors import TrunklineError, Unavailable, as_data
from trunkline.kernel.ids import new_id
from trunkline.kernel.jobs.contracts import JobActions, JobCancelled, JobState
from trunkline.kernel.jobs.run import LEASE, JobLost, JobRun
from trunkline.kernel.watching import Unwatched, Watcher

HEARTBEAT = 0.5
ATTEMPTS_MAX = 10
STOP_GRACE = 10.0
PAUSE = 0.5
_log = structlog.get_logger(__name__)

_CLAIM = """update kernel.job set state = 'running', attempts = attempts + 1, lease_holder = $1,
   lease_until = clock_timestamp() + $2, started_at = coalesce(started_at, $3)
 where ctid = any(array(select ctid from kernel.job where state = 'queued' order by created_at limit $4
                           for update skip locked))
 returning *"""

_RENEW = """update kernel.job j set lease_until = clock_timestamp() + $5
   from unnest($1::text[], $2::text[], $3::int[]) as h(tenant, id, attempt)
  where j.tenant = h.tenant and j.id = h.id and j.attempts = h.attempt and j.state = 'running' and j.lease_holder = $4
 returning j.tenant, j.id, j.cancel_requested"""

# A job that outlived ten workers would end the eleventh too.
_TAKE_BACK = """update kernel.job set lease_holder = null, lease_until = null,
   state = case when cancel_requested then 'cancelled' when attempts >= $1 then 'failed' else 'queued' end,
   finished_at = case when cancel_requested or attempts >= $1 then $2::timestamptz end,
   error = case when attempts >= $1 and not cancel_requested then $3::json end
 where ctid = any(array(select ctid from kernel.job where state = 'running' and lease_until < clock_timestamp()
                         order by lease_until limit 100 for update skip locked))
 returning state"""

_END = """update kernel.job set state = $5, result = $6, error = $7, finished_at = $8, lease_holder = null, lease_until = null,
   done = $9, total = $10, message = $11
 where tenant = $1 and id = $2 and lease_holder = $3 and attempts = $4 and state = 'running'"""

_GIVE_BACK = """update kernel.job set state = 'queued', lease_holder = null, lease_until = null, attempts = attempts - 1
 where tenant = $1 and id = $2 and lease_holder = $3 and attempts = $4 and state = 'running'"""

_WORKER_LOST = {"code": "workerLost", "reason": f"{ATTEMPTS_MAX} workers were lost while they ran this job."}


class JobRunner:
    """Runs jobs until told to stop; `concurrency` of them at once. Any number of runners share the work. `watcher` hears
    of each attempt at a job."""

    def __init__(
        self, database: Database, actions: JobActions, *, concurrency: int = 2, watcher: Watcher | None = None
    ) -> None:
        self.id = new_id()
        self._database = database
        self._actions = actions
        self._watcher: Watcher = watcher or Unwatched()
        self._wakeup = Wakeup(database)
        self._due = self._wakeup.bell()
        self._concurrency = concurrency
        self._runs: dict[tuple[str, str], JobRun] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Jobs in hand get 10 s to end; one that has not ended goes on elsewhere from its last
        checkpoint. Survives the loss of the database."""
        background = [asyncio.create_task(self._wakeup.run()), asyncio.create_task(self._keep_leases())]
        running: set[asyncio.Task[None]] = set()
        stopped = asyncio.create_task(stop.wait())
        stopped.add_done_callback(lambda _task: self._wakeup.wake())
        try:
            while not stop.is_set():
                heard = self._due.heard()
                try:
                    found = await self._claim(self._concurrency - len(running))
                except Exception as error:  # noqa: BLE001  # a loop that ends would leave the installation without a worker
                    _log.warning("worker_pauses", seconds=PAUSE, error=repr(error))
                    await asyncio.sleep(PAUSE)
                    continue
                for row in found:
                    task = asyncio.create_task(self._run(row))
                    running.add(task)
                    task.add_done_callback(running.discard)
                    task.add_done_callback(lambda _task: self._due.ring())
                if not found:
                    await self._due.sleep(heard)
            if running:
                await asyncio.wait(running, timeout=STOP_GRACE)
        finally:
            stopped.cancel()
            for task in (*running, *background):
                task.cancel()
            await asyncio.gather(*running, *background, stopped, return_exceptions=True)

    async def _claim(self, free: int) -> list[Record]:
        if free <= 0:
            return []
        async with self._database.unit_of_work() as uow:
            return list(await uow.fetch(_CLAIM, self.id, LEASE, self._database.clock.now(), free))

    async def _run(self, row: Record) -> None:
        run = JobRun(self._database, row, self.id)
        context = Context(
            tenant=run.tenant,
            actor=row["actor"],
            channel="worker",
            now=self._database.clock.now(),
            correlation_id=row["correlation_id"],
            causation_id=run.id,
            reason=row["reason"],
            permissions=frozenset({"*"}),
        )
        self._runs[run.tenant, run.id] = run
        with self._watcher.work(run.kind, context):
            await self._watched(run, context)

    async def _watched(self, run: JobRun, context: Context) -> None:
        try:
            state = await self._run_handler(run, context)
            self._watcher.job_ended(run.kind, state.value)
        except JobLost:
            self._watcher.job_ended(run.kind, "lost")
            _log.warning("job_lost", job=run.id, kind=run.kind, attempt=run.attempt)
        except asyncio.CancelledError:
            await self._give_back(run)
            raise
        except Exception as error:  # noqa: BLE001  # it stays `running`; when its lease ends, it is taken over
            _log.warning("job_left", job=run.id, kind=run.kind, error=repr(error))
        finally:
            del self._runs[run.tenant, run.id]

    async def _run_handler(self, run: JobRun, context: Context) -> JobState:
        """Run the job to its end and record it; returns how it ended."""
        try:
            handler = self._actions.handlers.get(run.kind)
            if handler is None:
                raise TrunklineError("unknownJobKind", f"No handler is registered for jobs of the kind {run.kind!r}.")
            result = await handler(run, self._database, context)
            text = None if result is None else msgspec.json.encode(result).decode()
        except JobCancelled:
            return await self._end(run, JobState.CANCELLED)
        except JobLost:
            raise
        except Exception as error:  # a handler may raise anything; it becomes data on the job
            if isinstance(error, Unavailable) and error.code == "databaseUnavailable":
                raise
            _log.error("job_failed", job=run.id, kind=run.kind, error=repr(error), exc_info=True)
            return await self._end(run, JobState.FAILED, error=as_data(error))
        return await self._end(run, JobState.COMPLETED, result=text)

    async def _end(
        self, run: JobRun, state: JobState, *, result: str | None = None, error: dict[str, Any] | None = None
    ) -> JobState:
        text = None if error is None else msgspec.json.encode(error).decode()
        held = (run.tenant, run.id, self.id, run.attempt)
        async with self._database.unit_of_work() as uow:
            ended = await uow.execute(
                _END, *held, state.value, result, text, self._database.clock.now(), run.done, run.total, run.message
            )
        if not ended:
            raise JobLost
        return state

    async def _give_back(self, run: JobRun) -> None:
        """We stop before it ended: others may go on at once, and it does not count as a lost worker."""
        try:
            async with self._database.unit_of_work() as uow:
                await uow.execute(_GIVE_BACK, run.tenant, run.id, self.id, run.attempt)
                uow.wake()
        except Exception as error:  # noqa: BLE001  # its lease ends soon anyway
            _log.warning("job_left", job=run.id, kind=run.kind, error=repr(error))

    async def _keep_leases(self) -> None:
        """Renew what we hold, hear of cancellations, and take back what lost workers held, twice a second."""
        while True:
            try:
                await self._renew(list(self._runs.values()))
                async with self._database.unit_of_work() as uow:
                    lost = msgspec.json.encode(_WORKER_LOST).decode()
                    if await uow.fetch(_TAKE_BACK, ATTEMPTS_MAX, self._database.clock.now(), lost):
                        uow.wake()
            except Exception as error:  # noqa: BLE001  # as in the loop of jobs
                _log.warning("leases_not_kept", error=repr(error))
            await asyncio.sleep(HEARTBEAT)

    async def _renew(self, runs: list[JobRun]) -> None:
        if not runs:
            return
        held = ([run.tenant for run in runs], [run.id for run in runs], [run.attempt for run in runs])
        async with self._database.unit_of_work() as uow:
            rows = await uow.fetch(_RENEW, *held, self.id, LEASE)
        for row in rows:
            run = self._runs.get((row["tenant"], row["id"]))
            if run is not None and row["cancel_requested"]:
                run.cancelled = True
