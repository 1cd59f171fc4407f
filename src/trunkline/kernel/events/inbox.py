"""Consumers inside the installation: each event takes effect exactly once, in order per resource.

Taking the delivery, the inbox row and the handler's own effect are one transaction. Killed at any moment, either all of it
is there or none, and then another worker takes the delivery again.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta

import asyncpg
import structlog

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, Record, UnitOfWork
from trunkline.kernel.errors import TrunklineError
from trunkline.kernel.events.delivery import (
    DeliveryKey,
    Outcome,
    RetryPolicy,
    consumers_due,
    fail,
    put_off_blocked,
    release_followers,
)
from trunkline.kernel.events.event import Event, Subscription
from trunkline.kernel.events.log import COLUMNS, from_row
from trunkline.kernel.watching import Unwatched, Watcher

HANDLER_TIMEOUT = timedelta(seconds=60)

# Claim, inbox row and removal in one round trip; the handler follows in the same transaction. The earlier row of a key stays
# visible to other workers until the commit, and so holds back the later ones.
_TAKE = f"""
with d as (select d.tenant, d.consumer, d.resource, d.resource_id, d.seq, d.attempts
             from kernel.delivery d
            where d.consumer = $1 and d.next_at <= now()
              and not exists (select 1 from kernel.delivery p
                               where p.tenant = d.tenant and p.consumer = d.consumer and p.resource = d.resource
                                 and p.resource_id = d.resource_id and p.seq < d.seq)
            order by d.next_at, d.seq limit 1 for update skip locked),
     taken as (select {COLUMNS}, d.consumer, d.attempts
                 from d join kernel.event_log e on e.tenant = d.tenant and e.seq = d.seq),
     fresh as (insert into kernel.inbox(tenant, consumer, event_id, consumed_at)
               select tenant, consumer, id, $2 from taken on conflict do nothing returning 1),
     done as (delete from kernel.delivery x using d
               where x.tenant = d.tenant and x.consumer = d.consumer and x.resource = d.resource
                 and x.resource_id = d.resource_id and x.seq = d.seq)
select taken.*, exists (select 1 from fresh) as fresh from taken"""


class _HandlerFailed(Exception):
    """A handler raised `cause`: the transaction is rolled back, and the failure recorded in another."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Consumers:
    """Runs the handlers of the given subscriptions on deliveries that are due."""

    def __init__(
        self,
        database: Database,
        subscriptions: Sequence[Subscription],
        *,
        retry: RetryPolicy | None = None,
        handler_timeout: timedelta = HANDLER_TIMEOUT,
        watcher: Watcher | None = None,
    ) -> None:
        self._database = database
        self._watcher: Watcher = watcher or Unwatched()
        self._handlers: dict[tuple[str, str], Subscription] = {}
        for subscription in subscriptions:
            for type_ in subscription.types:
                known = self._handlers.setdefault((subscription.consumer, type_), subscription)
                if known is not subscription:
                    raise ValueError(f"two handlers for {type_} are named {subscription.consumer}")
        self.names = sorted({subscription.consumer for subscription in subscriptions})
        self._retry = retry or RetryPolicy()
        self._timeout = handler_timeout.total_seconds()
        self._log = structlog.get_logger("trunkline.events")

    async def due(self) -> list[str]:
        """The consumers that have something to do."""
        async with self._database.read() as session:
            return await consumers_due(session, self.names)

    async def handle_next(self, consumer: str) -> bool:
        """Handle the consumer's next due event, if there is one: one unit of work.

        False when nothing could be taken. A handler's failure is recorded and not raised; Unavailable is raised when
        the database went away, and then nothing has happened.
        """
        with contextlib.ExitStack() as watched:
            return await self._next(consumer, watched)

    async def _next(self, consumer: str, watched: contextlib.ExitStack) -> bool:
        """As `handle_next`; what is done from the taking on, the commit and the record of a failure too, is watched."""
        taken: Record | None = None
        try:
            async with self._database.unit_of_work() as uow:
                taken = await uow.fetch_row(_TAKE, consumer, self._database.clock.now())
                if taken is None:
                    return False
                event = from_row(taken)
                context = self._context(consumer, event)
                watched.enter_context(self._watcher.work(consumer, context))
                if taken["fresh"]:
                    await self._handle(consumer, event, uow, context)
                if taken["attempts"]:
                    await release_followers(uow, DeliveryKey.of(taken))
        except _HandlerFailed as failed:
            error = failed.cause
        except asyncpg.PostgresError as refused:  # by a deferred check at the commit
            error = refused
        else:
            self._watcher.event_handled(consumer, "done" if taken["fresh"] else "repeated")
            return True
        if taken is None:
            raise error
        await self._record(taken, error)
        return True

    async def _handle(self, consumer: str, event: Event, uow: UnitOfWork, context: Context) -> None:
        subscription = self._handlers.get((consumer, event.type))
        if subscription is None:
            return  # the consumer no longer wants this type; what was under way for it is done with
        try:
            async with asyncio.timeout(self._timeout):
                await subscription.handler(event, uow, context)
                await uow.flush()
        except asyncpg.QueryCanceledError as error:
            raise _HandlerFailed(error) from error
        except (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError, asyncpg.InternalClientError):
            raise  # the server went away: not the handler's failure
        except Exception as error:
            raise _HandlerFailed(error) from error

    async def put_off_blocked(self, consumer: str) -> int:
        """Keep claims short: put off what stands behind a waiting or parked delivery."""
        async with self._database.unit_of_work() as uow:
            return await put_off_blocked(uow, consumer)

    def _context(self, consumer: str, event: Event) -> Context:
        return Context(
            tenant=event.tenant,
            actor=f"system:{consumer}",
            channel="worker",
            now=self._database.clock.now(),
            correlation_id=event.correlation_id,
            causation_id=event.id,
            permissions=frozenset({"*"}),
        )

    async def _record(self, row: Record, error: Exception) -> None:
        key, failures = DeliveryKey.of(row), row["attempts"] + 1
        async with self._database.unit_of_work() as uow:
            outcome = await fail(uow, key, failures, error, self._retry, self._database.clock.now())
        if outcome is None:
            return
        self._watcher.event_handled(key.consumer, "parked" if outcome is Outcome.PARKED else "retried")
        self._log.error(
            f"event_{outcome}",
            tenant=key.tenant,
            consumer=key.consumer,
            event_type=row["type"],
            event_id=row["id"],
            correlation_id=row["correlation_id"],
            resource=key.resource,
            resource_id=key.resource_id,
            attempts=failures,
            retryable=not isinstance(error, TrunklineError) or error.retryable,
            exc_info=error,
        )
