"""The worker of plans: claims what is due, runs it, keeps its leases alive, takes over from workers that are gone."""

import asyncio
import time
from collections import deque

import structlog

from trunkline.kernel.db import Database
from trunkline.kernel.db.wakeup import Wakeup
from trunkline.kernel.errors import Unavailable
from trunkline.kernel.ids import new_id
from trunkline.kernel.plans import leases
from trunkline.kernel.plans.actions import StepActions
from trunkline.kernel.plans.cancelling import Ready
from trunkline.kernel.plans.ending import Held
from trunkline.kernel.plans.execution import Execution
from trunkline.kernel.plans.leases import Claimed
from trunkline.kernel.watching import Watcher

HEARTBEAT = 0.5
BACK_OFF_FIRST = 0.1
BACK_OFF_LONGEST = 5.0
STOP_GRACE = 10.0
SHARE_INTERVAL = 0.05
_log = structlog.get_logger(__name__)


class PlanRunner:
    """Runs steps until told to stop. Any number of runners, in any number of processes, share the work.

    task_loops  how many tasks run at once; the pool needs two connections more than this
    batch       how many tasks a loop claims at a time
    callouts    how many callouts run at once
    watcher     hears of each attempt at a step; None: nobody does
    """

    def __init__(
        self,
        database: Database,
        actions: StepActions,
        *,
        task_loops: int = 4,
        batch: int = 10,
        callouts: int = 32,
        watcher: Watcher | None = None,
    ) -> None:
        self.id = new_id()
        self._database = database
        self._execution = Execution(database, actions, watcher)
        self._wakeup = Wakeup(database)
        self._tasks_due = self._wakeup.bell()
        self._callouts_due = self._wakeup.bell()
        self._task_loops = task_loops
        self._batch = batch
        self._callouts = callouts
        self._held: dict[Held, None] = {}
        self._shared_at = 0.0
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what has begun (10 s at most) and give back what has not.

        Survives the loss of the database: it looks for it again with growing pauses of up to 5 s.
        """
        self._stopping = False
        background = [asyncio.create_task(self._wakeup.run()), asyncio.create_task(self._keep_leases())]
        loops = [asyncio.create_task(self._task_loop()) for _ in range(self._task_loops)]
        loops.append(asyncio.create_task(self._callout_loop()))
        try:
            await stop.wait()
            self._stopping = True
            self._wakeup.wake()
            await asyncio.wait(loops, timeout=STOP_GRACE)
        finally:
            for task in (*loops, *background):
                task.cancel()
            await asyncio.gather(*loops, *background, return_exceptions=True)

    async def _task_loop(self) -> None:
        pause = 0.0
        while not self._stopping:
            heard = self._tasks_due.heard()
            try:
                steps = await self._claim(self._batch, callouts=False)
                if steps:
                    await self._run_tasks(deque(steps))
                else:
                    await self._tasks_due.sleep(heard, await leases.next_due(self._database, callouts=False))
                pause = 0.0
            except Exception as error:  # noqa: BLE001  # a loop that ends would leave the installation without a worker
                pause = await _back_off(pause, error)

    async def _run_tasks(self, steps: deque[Claimed]) -> None:
        """Run a batch one by one, each in its own transaction; what is not begun when we stop goes back."""
        batch = list(steps)
        try:
            async with self._database.units_of_work() as unit:
                while steps and not self._stopping:
                    step = steps.popleft()
                    ready = await self._execution.run(step, unit)
                    del self._held[step.held]
                    self._tell(ready, busy=bool(steps))
            if steps:
                await leases.give_back(self._database, self.id, [step.held for step in steps])
        finally:
            for step in batch:
                self._held.pop(step.held, None)

    async def _callout_loop(self) -> None:
        pause = 0.0
        running: set[asyncio.Task[None]] = set()
        try:
            while not self._stopping:
                heard = self._callouts_due.heard()
                free = self._callouts - len(running)
                try:
                    steps = await self._claim(free, callouts=True) if free else []
                    for step in steps:
                        task = asyncio.create_task(self._run_callout(step))
                        running.add(task)
                        task.add_done_callback(running.discard)
                    if not steps:
                        due = await leases.next_due(self._database, callouts=True) if free else None
                        await self._callouts_due.sleep(heard, due)
                    pause = 0.0
                except Exception as error:  # noqa: BLE001  # as in the loop of tasks
                    pause = await _back_off(pause, error)
            if running:
                await asyncio.wait(running)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _run_callout(self, step: Claimed) -> None:
        full = len(self._held) >= self._callouts
        try:
            self._tell(await self._execution.run(step), busy=True)
        except Unavailable as error:
            _log.warning("step_left", plan=step.run.plan_id, step=step.run.name, error=str(error))
        finally:
            self._held.pop(step.held, None)
            if full:
                self._callouts_due.ring()

    async def _claim(self, limit: int, *, callouts: bool) -> list[Claimed]:
        steps = await leases.claim(self._database, self.id, limit, callouts=callouts)
        for step in steps:
            self._held[step.held] = None
        if len(steps) == limit > 1 and time.monotonic() - self._shared_at > SHARE_INTERVAL:
            self._shared_at = time.monotonic()
            self._database.wake()  # there is probably more than we can do: other processes may help
        return steps

    def _tell(self, ready: Ready, *, busy: bool) -> None:
        """Wake our own loops for what got ready. A loop at the end of its batch looks for one step itself."""
        if ready.tasks > (0 if busy else 1):
            self._tasks_due.ring()
        if ready.callouts:
            self._callouts_due.ring()

    async def _keep_leases(self) -> None:
        """Renew what we hold and take back what lost workers held, twice a second."""
        while True:
            try:
                await leases.renew(self._database, self.id, list(self._held))
                async with self._database.unit_of_work() as uow:
                    await leases.take_back(uow, self._database.clock.now())
            except Exception as error:  # noqa: BLE001  # as in the loop of tasks
                _log.warning("leases_not_kept", error=repr(error))
            await asyncio.sleep(HEARTBEAT)


async def _back_off(pause: float, error: Exception) -> float:
    pause = min(BACK_OFF_LONGEST, max(BACK_OFF_FIRST, pause * 2))
    _log.warning("worker_pauses", seconds=pause, error=repr(error), exc_info=not isinstance(error, Unavailable))
    await asyncio.sleep(pause)
    return pause
