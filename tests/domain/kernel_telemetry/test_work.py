"""Work that is watched: each event, step and job is counted once with how it ended, and its lines say whose it is."""

import asyncio
import io
import json
import logging
import urllib.request
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from tests.domain.kernel_events.scene import AT_ONCE, drain, happening, publish, subscribed
from tests.domain.kernel_plans.scene import context, create, running, until, until_state
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, UnitOfWork
from trunkline.kernel.errors import Conflict
from trunkline.kernel.events.event import Event
from trunkline.kernel.events.inbox import Consumers
from trunkline.kernel.events.relay import Relay
from trunkline.kernel.jobs import JobActions, JobRun, JobRunner, create_job, get_job
from trunkline.kernel.plans import Retry, StepActions, StepKind, StepRun, StepSpec
from trunkline.kernel.telemetry.logs import configure_logging
from trunkline.kernel.telemetry.metrics import Metrics
from trunkline.kernel.telemetry.observer import Telemetry
from trunkline.kernel.telemetry.shown import metrics_shown

_EMPTIED = ("plan", "step", "step_dependency", "signal", "job", "outbox", "event_log", "delivery", "inbox")


@pytest_asyncio.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    found = await Database.connect(database_dsn, max_size=10)
    async with found.unit_of_work() as uow:
        await uow.execute(f"truncate {', '.join(f'kernel.{table}' for table in _EMPTIED)}")
        await uow.execute("update kernel.clock set clock_offset = $1", timedelta(0))
    yield found
    await found.close()


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the process writes to its log, at level DEBUG, as JSON lines."""
    stream, level = io.StringIO(), logging.getLogger().level
    handler = configure_logging("json", "DEBUG", stream=stream)
    yield stream
    logging.getLogger().removeHandler(handler)
    logging.getLogger().setLevel(level)


def lines(written: io.StringIO, logger: str) -> list[tuple[Any, ...]]:
    """What a logger has said: the event, the work, whose it is."""
    found = [json.loads(line) for line in written.getvalue().splitlines()]
    return [
        (line["event"], line.get("work"), line.get("correlation_id"), line.get("tenant"), line.get("actor"))
        for line in found
        if line["logger"] == logger
    ]


def counted(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"{name}_total", labels)


async def test_an_event_counts_once_by_how_it_ended(database: Database, written: io.StringIO) -> None:
    watcher = Telemetry(Metrics())

    async def handler(happened: Event, _uow: UnitOfWork, _context: Context) -> None:
        if happened.resource_id == "bad":
            raise Conflict("notNow", "not now")

    subscription = subscribed(handler)
    relay = Relay(database, [subscription])
    consumers = Consumers(database, [subscription], retry=AT_ONCE, watcher=watcher)
    await publish(database, happening(database, "good", 1))
    assert await drain(relay, consumers) == 1
    assert counted(watcher.metrics, "trunkline_events_handled", consumer="proof.note", outcome="done") == 1
    said = ("proof.note", "cause-1", "north", "system:proof.note")
    assert lines(written, "trunkline.work") == [("event done", *said)]

    await publish(database, happening(database, "bad", 1))
    assert await drain(relay, consumers) == AT_ONCE.attempts_refused
    for outcome, count in (("done", 1), ("retried", AT_ONCE.attempts_refused - 1), ("parked", 1)):
        assert counted(watcher.metrics, "trunkline_events_handled", consumer="proof.note", outcome=outcome) == count
    assert lines(written, "trunkline.events") == [("event_failed", *said), ("event_parked", *said)]


async def test_a_step_counts_once_by_how_it_ended_and_its_lines_name_the_order(
    database: Database, written: io.StringIO
) -> None:
    watcher, actions = Telemetry(Metrics()), StepActions()

    @actions.task("thing.prepare")
    async def prepare(_uow: UnitOfWork, _step: StepRun, _context: Context) -> None:
        logging.getLogger("trunkline.proof").info("prepared")

    @actions.callout("thing.ask")
    async def ask(_step: StepRun, _context: Context) -> None:
        raise Conflict("notNow", "not now")

    once = Retry(max_attempts=2, first=timedelta(0))
    plan_id = await create(
        database,
        StepSpec(name="prepare", action="thing.prepare"),
        StepSpec(name="ask", kind=StepKind.CALLOUT, action="thing.ask", depends_on=("prepare",), retry=once),
    )
    async with running(database, actions, watcher=watcher):
        await until_state(database, plan_id, "failed")
    assert counted(watcher.metrics, "trunkline_plan_steps", outcome="completed") == 1
    assert counted(watcher.metrics, "trunkline_plan_steps", outcome="failed") == 1
    whose = ("cause-1", "north", "user-7")
    assert lines(written, "trunkline.proof") == [("prepared", "thing.prepare", *whose)]
    assert lines(written, "trunkline.kernel.plans.execution") == [("step_failed", "thing.ask", *whose)]
    assert lines(written, "trunkline.work") == [
        ("step completed", "thing.prepare", *whose),
        ("step failed", "thing.ask", *whose),
    ]


async def test_a_job_counts_once_and_its_lines_say_whose_it_is(database: Database, written: io.StringIO) -> None:
    watcher, actions, stop = Telemetry(Metrics()), JobActions(), asyncio.Event()

    @actions.job("count")
    async def count(_job: JobRun, _database: Database, _context: Context) -> None:
        logging.getLogger("trunkline.proof").info("counted")

    async with database.unit_of_work() as uow:
        job_id = await create_job(uow, "count", {}, context(database))

    async def completed() -> bool:
        async with database.read() as session:
            return (await get_job(session, job_id, context(database))).state == "completed"

    runner = asyncio.create_task(JobRunner(database, actions, watcher=watcher).run(stop))
    await until(completed)
    stop.set()
    await runner
    assert counted(watcher.metrics, "trunkline_jobs_ended", kind="count", outcome="completed") == 1
    whose = ("count", "cause-1", "north", "user-7")
    assert lines(written, "trunkline.proof") == [("counted", *whose)]
    assert lines(written, "trunkline.work") == [("job completed", *whose)]


def test_a_worker_shows_its_metrics_on_the_loopback() -> None:
    metrics = Metrics()
    metrics.step_ended("completed")
    with metrics_shown(metrics, 0) as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        with metrics_shown(metrics, port) as taken:
            assert taken is None
    assert 'trunkline_plan_steps_total{outcome="completed"} 1.0' in text.splitlines()


def test_without_a_port_metrics_are_not_shown() -> None:
    with metrics_shown(Metrics(), None) as port:
        assert port is None
