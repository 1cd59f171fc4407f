"""The worker of one process: relay, consumers, hub, plans, jobs, audit seals, and what is due by the clock."""

import asyncio
import contextlib
import signal
from datetime import timedelta

import asyncpg
import structlog

from trunkline.app import wiring
from trunkline.app.clock_follower import following_clock
from trunkline.app.prepare import installation_context
from trunkline.app.settings import Settings
from trunkline.bss.usage.facade import close_idle_sessions
from trunkline.kernel.clock import Clock
from trunkline.kernel.db import Database
from trunkline.kernel.errors import Unavailable
from trunkline.kernel.events.hub_delivery import HubSender
from trunkline.kernel.events.inbox import Consumers
from trunkline.kernel.events.relay import Relay
from trunkline.kernel.events.runner import EventRunner
from trunkline.kernel.idempotency import purge
from trunkline.kernel.jobs import JobRunner
from trunkline.kernel.plans import PlanRunner, purge_signals
from trunkline.kernel.security.audit_chain import tenants
from trunkline.kernel.security.sealer import Sealer
from trunkline.kernel.tmf.catalogue import served_apis
from trunkline.oss.activation.aaa import publish_key
from trunkline.oss.activation.sealing import load_key
from trunkline.oss.resource_pool.facade import expire

POOL_SIZE = 16
DUE_EVERY = timedelta(seconds=30)
SILENT_FOR = timedelta(hours=24)
"""An access server reports at least every few hours; a session it says nothing of for so long has ended."""
SIGNALS_KEPT = timedelta(days=30)


async def work(settings: Settings, dsn: str) -> None:
    """Work until SIGTERM or SIGINT; what is in hand is finished first."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    database = await Database.connect(dsn, clock=Clock(), max_size=POOL_SIZE)
    try:
        async with database.unit_of_work() as uow:
            await publish_key(uow, load_key(settings.home))
        subscriptions = wiring.subscriptions()
        apis = [served.hub for served in served_apis(wiring.resources())]
        allow_private = settings.mode == "demo"
        events = EventRunner(
            database,
            relay=Relay(database, subscriptions, apis),
            consumers=Consumers(database, subscriptions),
            hub=HubSender(database, apis, allow_private=allow_private),
        )
        async with following_clock(database), asyncio.TaskGroup() as group:
            group.create_task(events.run(stop))
            group.create_task(PlanRunner(database, wiring.step_actions(database)).run(stop))
            group.create_task(JobRunner(database, wiring.job_actions(settings)).run(stop))
            group.create_task(Sealer(database).run(stop))
            group.create_task(_what_is_due(database, stop))
    finally:
        await database.close()


async def _what_is_due(database: Database, stop: asyncio.Event) -> None:
    """Reservations and sessions that end by themselves; what is kept for a while only: idempotency keys, signals."""
    log = structlog.get_logger("trunkline.due")
    while not stop.is_set():
        try:
            async with database.unit_of_work() as uow:
                now, wall = database.clock.now(), database.clock.wall()
                freed = await expire(uow, now)
                await purge(uow, now)
                for tenant in await tenants(uow):
                    context = installation_context(database, tenant)
                    await close_idle_sessions(uow, context, silent_since=wall - SILENT_FOR, at=wall)
                await purge_signals(uow, now - SIGNALS_KEPT)
            if freed:
                log.info("reservations_expired", count=freed)
        except (Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            log.warning("due_work_waits", error=type(error).__name__)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DUE_EVERY.total_seconds()):
                await stop.wait()
