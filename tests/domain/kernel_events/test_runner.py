"""The worker's loop: quick to wake, and nothing lost or doubled by kill -9 or a lost database."""

import asyncio
import contextlib
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from functools import partial
from hashlib import blake2b
from pathlib import Path

import pytest

from tests.domain.kernel_events.scene import AT_ONCE, effects, eventually, happening, note, publish, subscribed
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, UnitOfWork
from trunkline.kernel.events.event import Event, Subscription
from trunkline.kernel.events.hub_delivery import HubSender
from trunkline.kernel.events.inbox import Consumers
from trunkline.kernel.events.parked import Backlog, backlog
from trunkline.kernel.events.relay import Relay
from trunkline.kernel.events.runner import POLL, EventRunner

ROOT = Path(__file__).parents[3]


@contextlib.asynccontextmanager
async def running(
    database: Database, subscriptions: Sequence[Subscription], poll: timedelta = POLL
) -> AsyncIterator[EventRunner]:
    stop = asyncio.Event()
    runner = EventRunner(
        database,
        relay=Relay(database, subscriptions),
        consumers=Consumers(database, subscriptions, retry=AT_ONCE),
        hub=HubSender(database, []),
        poll=poll,
    )
    task = asyncio.create_task(runner.run(stop))
    try:
        yield runner
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


async def test_a_commit_wakes_the_handler_at_once(database: Database) -> None:
    handled: asyncio.Queue[float] = asyncio.Queue()

    async def handler(happened: Event, uow: UnitOfWork, call: Context) -> None:
        uow.after_commit(lambda: handled.put_nowait(time.monotonic()))

    waits = []
    async with running(database, [subscribed(handler)], poll=timedelta(seconds=30)):
        await asyncio.sleep(0.5)  # the listener is there; with a poll of 30 s, only it can wake the others
        for n in range(20):
            await publish(database, happening(database, "A", n))
            committed = time.monotonic()
            waits.append(await asyncio.wait_for(handled.get(), 5) - committed)
    typical = statistics.median(waits)
    assert typical < 0.25, f"median {typical * 1000:.1f} ms, longest {max(waits) * 1000:.1f} ms"


async def test_the_poll_finds_what_no_notification_announced(database: Database) -> None:
    await publish(database, happening(database, "A", 1))
    async with running(database, [subscribed()], poll=timedelta(milliseconds=100)):
        await eventually(lambda: _done(database, 1))
        async with database.unit_of_work() as uow:
            uow.publish(happening(database, "A", 2))
            await uow.flush()
            uow.published = False  # as if the hint was lost
        await eventually(lambda: _done(database, 2))
    assert await effects(database) == [("A", 1), ("A", 2)]


async def test_lost_connections_are_replaced(database: Database) -> None:
    async with running(database, [subscribed()], poll=timedelta(milliseconds=200)):
        for n in range(60):
            await publish(database, happening(database, f"o{n % 6}", n))
            if n % 20 == 10:
                watcher = await Database.connect(database.dsn, max_size=1)
                async with watcher.unit_of_work() as uow:
                    await uow.fetch(
                        """select pg_terminate_backend(pid) from pg_stat_activity
                            where datname = current_database() and pid <> pg_backend_pid()"""
                    )
                await watcher.close()
                await eventually(lambda: _answers(database))
        await eventually(lambda: _done(database, 60))
    found = await effects(database)
    for m in range(6):
        assert [n for id_, n in found if id_ == f"o{m}"] == list(range(m, 60, 6))


async def test_one_failing_consumer_does_not_stop_another(database: Database) -> None:
    async def broken(happened: Event, uow: UnitOfWork, call: Context) -> None:
        raise KeyError("nothing fits")

    subscriptions = [subscribed(broken, consumer="proof.broken"), subscribed(note)]
    async with running(database, subscriptions):
        await publish(database, *(happening(database, f"o{n}", n) for n in range(8)))
        await eventually(lambda: _parked(database, 8), 60)
    assert len(await effects(database)) == 8


async def test_killed_workers_lose_and_double_nothing(database: Database) -> None:
    await _kill_rounds(database, rounds=3)


@pytest.mark.long
async def test_often_killed_workers_lose_and_double_nothing(database: Database) -> None:
    await _kill_rounds(database, rounds=25)


async def _kill_rounds(database: Database, rounds: int) -> None:
    """Two workers, one of them killed in each round while events keep coming."""
    published = 0
    producing = asyncio.Event()

    async def produce() -> None:
        nonlocal published
        while not producing.is_set():
            await publish(database, *(happening(database, f"o{m}", published // 10) for m in range(10)))
            published += 10
            await asyncio.sleep(0.02)

    producer = asyncio.create_task(produce())
    workers = [await _worker(database), await _worker(database)]
    interrupted = 0
    try:
        for number in range(rounds):
            spread = int.from_bytes(blake2b(b"%d" % number, digest_size=2).digest(), "big") / 65536
            before = len(await effects(database))
            await eventually(partial(_more, database, before), 30)
            await asyncio.sleep(0.4 * spread)
            victim = workers[number % 2]
            victim.kill()
            await victim.wait()
            interrupted += published * 2 > len(await effects(database)) + len(await effects(database, "proof.other"))
            workers[number % 2] = await _worker(database)
        producing.set()
        await producer
        await eventually(lambda: _empty(database), 60)
    finally:
        producer.cancel()
        for worker in workers:
            worker.kill()
            await worker.wait()
    assert interrupted > 0, "no kill met work under way"
    for consumer in ("proof.note", "proof.other"):
        found = await effects(database, consumer)
        assert len(found) == published
        for m in range(10):
            assert [n for id_, n in found if id_ == f"o{m}"] == list(range(published // 10))
    async with database.read() as session:
        assert await session.fetch_value("select count(*) from kernel.event_log") == published
        assert await session.fetch_value("select count(*) from kernel.inbox") == 2 * published


async def _worker(database: Database) -> asyncio.subprocess.Process:
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    program = str(Path(__file__).with_name("worker_process.py"))
    return await asyncio.create_subprocess_exec(
        sys.executable, program, database.dsn, env={**os.environ, "PYTHONPATH": path}
    )


async def _done(database: Database, count: int) -> bool:
    return len(await effects(database)) == count


async def _more(database: Database, than: int) -> bool:
    return len(await effects(database)) > than


async def _answers(database: Database) -> bool:
    with contextlib.suppress(Exception):
        async with database.read() as session:
            return bool(await session.fetch_value("select true"))
    return False


async def _parked(database: Database, count: int) -> bool:
    async with database.read() as session:
        return (await backlog(session)).parked == {"proof.broken": count}


async def _empty(database: Database) -> bool:
    async with database.read() as session:
        return await backlog(session) == Backlog(outbox=0, deliveries={}, parked={})
