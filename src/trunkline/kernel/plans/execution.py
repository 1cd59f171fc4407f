"""Running one claimed step: its handler, then its completion or the record of its failure."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import structlog

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, UnitOfWork
from trunkline.kernel.errors import TrunklineError, Unavailable, as_data
from trunkline.kernel.plans.actions import StepActions
from trunkline.kernel.plans.cancelling import Ready
from trunkline.kernel.plans.create import encode
from trunkline.kernel.plans.ending import LeaseLost, end_step, fail_step
from trunkline.kernel.plans.leases import Claimed
from trunkline.kernel.plans.spec import StepKind
from trunkline.kernel.watching import Unwatched, Watcher

Unit = Callable[[], AbstractAsyncContextManager[UnitOfWork]]
_log = structlog.get_logger(__name__)


class Execution:
    """Runs steps with the registered handlers. Holds no state of its own."""

    def __init__(self, database: Database, actions: StepActions, watcher: Watcher | None = None) -> None:
        self._database = database
        self._actions = actions
        self._watcher: Watcher = watcher or Unwatched()

    async def run(self, step: Claimed, unit: Unit | None = None) -> Ready:
        """Bring the step to its end or to its next attempt; returns what became ready to run.

        unit  makes units of work on the caller's connection; without it each comes from the pool

        What a handler raises becomes data on the step. A step whose lease was lost is left to its new holder. Raises
        Unavailable when the database went away: the step is left, and whoever gets it when the lease ends goes on.
        """
        context = Context(
            tenant=step.run.tenant,
            actor=step.actor,
            channel="worker",
            now=self._database.clock.now(),
            correlation_id=step.correlation_id,
            causation_id=f"{step.run.plan_id}:{step.run.n}",
            permissions=frozenset({"*"}),
        )
        with self._watcher.work(step.run.action or step.run.name, context):
            ready, outcome = await self._watched(step, context, unit or self._database.unit_of_work)
            self._watcher.step_ended(outcome)
        return ready

    async def _watched(self, step: Claimed, context: Context, unit: Unit) -> tuple[Ready, str]:
        """What became ready, and how the attempt ended."""
        try:
            return await self._attempt(step, context, unit), "completed"
        except LeaseLost:
            return Ready(), _lost(step)
        except Exception as error:  # noqa: BLE001  # a handler may raise anything; it becomes data on the step
            return Ready(), await self._failed(step, error, context, unit)

    async def _attempt(self, step: Claimed, context: Context, unit: Unit) -> Ready:
        if step.kind == StepKind.TASK:
            return await self._task(step, context, unit)
        result = await self._call(step, context) if step.kind == StepKind.CALLOUT else None
        async with unit() as uow:
            return await end_step(uow, step.held, result, context, now=self._database.clock.now())

    async def _task(self, step: Claimed, context: Context, unit: Unit) -> Ready:
        handler = self._actions.tasks.get(step.run.action)
        if handler is None:
            raise unknown_action(step.run.action)
        async with asyncio.timeout(step.timeout.total_seconds()), unit() as uow:
            result = await handler(uow, step.run, context)
            text = None if result is None else encode(result, "$.result")
            return await end_step(uow, step.held, text, context, now=self._database.clock.now())

    async def _call(self, step: Claimed, context: Context) -> str | None:
        handler = self._actions.callouts.get(step.run.action)
        if handler is None:
            raise unknown_action(step.run.action)
        async with asyncio.timeout(step.timeout.total_seconds()):
            result = await handler(step.run, context)
        return None if result is None else encode(result, "$.result")

    async def _failed(self, step: Claimed, error: Exception, context: Context, unit: Unit) -> str:
        if isinstance(error, Unavailable) and error.code == "databaseUnavailable":
            raise error
        final = isinstance(error, TrunklineError) and not error.retryable
        again = not final and step.failures + 1 < step.retry.max_attempts
        log = _log.info if again else _log.error
        log(
            "step_failed",
            plan=step.run.plan_id,
            step=step.run.name,
            attempt=step.run.attempt,
            again=again,
            error=repr(error),
            exc_info=not isinstance(error, TrunklineError),
        )
        try:
            async with unit() as uow:
                await fail_step(
                    uow,
                    step.held,
                    as_data(error),
                    context,
                    now=self._database.clock.now(),
                    retry_after=step.retry.delay(step.failures + 1) if again else None,
                )
        except LeaseLost:
            return _lost(step)
        return "retried" if again else "failed"


def _lost(step: Claimed) -> str:
    _log.warning("step_lease_lost", plan=step.run.plan_id, step=step.run.name, attempt=step.run.attempt)
    return "lost"


def unknown_action(name: str) -> TrunklineError:
    """The error for a step whose action no handler is registered for: a mistake in the plan or in the wiring."""
    return TrunklineError("unknownAction", f"No handler is registered for the action {name!r}.")
