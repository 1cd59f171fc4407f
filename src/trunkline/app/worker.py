"""The worker of one process: relay, consumers, hub, plans, jobs, audit seals, and what is due by the clock."""

import asyncio
import contextlib
import os
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
from trunkline.kernel.errors import TrunklineError, Unavailable
from trunkline.kernel.events.hub_delivery import HubSender
from trunkline.kernel.events.inbox import Consumers
from trunkline.kernel.events.relay import Relay
from trunkline.kernel.events.runner import EventRunner
from trunkline.kernel.events.signing import load_signer
from trunkline.kernel.idempotency import purge
from trunkline.kernel.jobs import JobRunner
from trunkline.kernel.plans import PlanRunner, purge_signals
from trunkline.kernel.security.audit_chain import tenants
from trunkline.kernel.security.sealer import Sealer
from trunkline.kernel.telemetry.metrics import Metrics
from trunkline.kernel.telemetry.observer import Telemetry
from trunkline.kernel.telemetry.shown import metrics_shown
from trunkline.kernel.telemetry.traces import open_traces
from trunkline.kernel.tmf.catalogue import served_apis
from trunkline.kernel.tmf.crossing import reconcile_crossings
from trunkline.oss.activation.aaa import publish_key
from trunkline.oss.activation.sealing import load_key
from trunkline.oss.resource_pool import facade as pools

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
    watcher = Telemetry(Metrics(), open_traces(os.environ, "trunkline-work"))
    try:
        async with database.unit_of_work() as uow:
            await publish_key(uow, load_key(settings.home))
        subscriptions = wiring.subscriptions()
        apis = [served.hub for served in served_apis(wiring.declared())]
        allow_private = settings.mode == "demo"
        events = EventRunner(
            database,
            relay=Relay(database, subscriptions, apis, wiring.STUBBED),
            consumers=Consumers(database, subscriptions, watcher=watcher),
            hub=HubSender(database, apis, signer=load_signer(settings.home), allow_private=allow_private),
        )
        with metrics_shown(watcher.metrics, settings.metrics_port):
            async with following_clock(database), asyncio.TaskGroup() as group:
                group.create_task(events.run(stop))
                group.create_task(PlanRunner(database, wiring.step_actions(database), watcher=watcher).run(stop))
                group.create_task(JobRunner(database, wiring.job_actions(settings), watcher=watcher).run(stop))
                group.create_task(Sealer(database).run(stop))
                group.create_task(_what_is_due(database, stop))
    finally:
        watcher.traces.close()
        await database.close()


async def _what_is_due(database: Database, stop: asyncio.Event) -> None:
    """Sessions, reservations and quarantines that end by themselves; what is kept for a while only: idempotency keys,
    signals. References to the other half whose target has become known."""
    log = structlog.get_logger("trunkline.due")
    while not stop.is_set():
        try:
            async with database.unit_of_work() as uow:
                now, wall = database.clock.now(), database.clock.wall()
                await purge(uow, wall)
                known = await tenants(uow)
                for tenant in known:
                    context = installation_context(database, tenant)
                    await close_idle_sessions(uow, context, silent_since=wall - SILENT_FOR, at=wall)
                await purge_signals(uow, now - SIGNALS_KEPT)
                await reconcile_crossings(uow)
            for tenant in known:
                try:
                    await _free_members(database, tenant)
                except TrunklineError as error:
                    if isinstance(error, Unavailable):
                        raise
                    log.exception("pool_members_wait", tenant=tenant)  # the other tenants' do not
        except (Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            log.warning("due_work_waits", error=type(error).__name__)
        await _pause(database.clock, stop)


async def _free_members(database: Database, tenant: str) -> None:
    """Give back reservations that ran out, free pool members that have rested; a batch a transaction, until few are left."""
    for move in (pools.expire, pools.end_quarantines):
        moved = pools.BATCH
        while moved == pools.BATCH:
            async with database.unit_of_work() as uow:
                moved = await move(uow, installation_context(database, tenant))


async def _pause(clock: Clock, stop: asyncio.Event) -> None:
    """Wait for the next round: half a minute, or until somebody has moved the installation's clock."""
    offset = clock.offset
    deadline = asyncio.get_running_loop().time() + DUE_EVERY.total_seconds()
    while clock.offset == offset and asyncio.get_running_loop().time() < deadline and not stop.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await stop.wait()
