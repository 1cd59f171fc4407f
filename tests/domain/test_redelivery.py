"""Invariant 13, tried by the check: events that consumers have had are delivered again, and what changes is named."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import msgspec
import pytest

from tests.domain.kernel_events import scene as happenings
from trunkline.app.check import run_checks
from trunkline.app.redelivery import RULE, redelivery_findings
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, UnitOfWork
from trunkline.kernel.errors import Conflict
from trunkline.kernel.events.event import Event, Handler, Subscription
from trunkline.kernel.events.inbox import Consumers
from trunkline.kernel.events.relay import Relay
from trunkline.kernel.events.runner import EventRunner
from trunkline.kernel.finding import Finding

FORGETS = """
create function proof.forget() returns trigger language plpgsql as $$
begin
  delete from kernel.inbox where tenant = new.tenant and consumer = new.consumer;
  return null;
end $$;
create trigger forget after insert on kernel.delivery for each row execute function proof.forget()"""
"""The inbox forgets what a consumer has had, as soon as it is delivered again."""


@pytest.fixture
async def database(own_database_dsn: str) -> AsyncIterator[Database]:
    """A database in which a consumer has had three events, each of which it has noted in a table."""
    opened = await Database.connect(own_database_dsn, max_size=8)
    await happenings.make_effects(opened)
    await happenings.publish(opened, *(happenings.happening(opened, f"order-{n}", n) for n in (1, 2, 3)))
    await happenings.drain(*happenings.line(opened, happenings.subscribed()))
    yield opened
    await opened.close()


@contextlib.asynccontextmanager
async def worker(database: Database, *subscriptions: Subscription) -> AsyncIterator[None]:
    """A worker with these consumers, as long as the block runs."""
    stop = asyncio.Event()
    consumers = Consumers(database, subscriptions)
    runner = EventRunner(
        database, relay=Relay(database, subscriptions), consumers=consumers, poll=timedelta(milliseconds=50)
    )
    running = asyncio.create_task(runner.run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def again(database: Database, count: int = 10, patience_s: float = 20) -> list[Finding]:
    return await redelivery_findings(database, count, happenings.context(database), patience_s=patience_s)


async def do(database: Database, *statements: str) -> None:
    async with database.unit_of_work() as uow:
        for statement in statements:
            await uow.execute(statement)


def subjects(findings: Sequence[Finding]) -> list[str]:
    assert {(finding.invariant, finding.rule) for finding in findings} <= {(13, RULE)}
    return [finding.subject for finding in findings]


async def test_what_the_inbox_knows_changes_nothing(database: Database) -> None:
    async with worker(database, happenings.subscribed()):
        report = await run_checks(database, [], happenings.context(database), redeliver=10, second_look_s=0)
    assert (report.rules[-1].invariants, report.rules[-1].findings) == ("13", [])
    assert await happenings.effects(database) == [("order-1", 1), ("order-2", 2), ("order-3", 3)]


async def test_a_doubled_effect_is_found_and_its_table_named(database: Database) -> None:
    await do(database, FORGETS)
    async with worker(database, happenings.subscribed()):
        [finding] = await again(database, 2)
    assert (finding.invariant, finding.rule, finding.subject) == (13, RULE, "table proof.effect")
    assert (finding.expected.split(",")[0], finding.found.split(",")[0]) == ("3 rows", "5 rows")
    effects = await happenings.effects(database)
    assert sorted(effects) == [("order-1", 1), ("order-2", 2), ("order-2", 2), ("order-3", 3), ("order-3", 3)]


async def test_a_row_that_became_another_is_found_though_their_number_is_the_same(database: Database) -> None:
    async def replace(event: Event, uow: UnitOfWork, context: Context) -> None:
        await uow.execute("update proof.effect set n = n + 1 where tenant = $1", event.tenant)

    await do(database, FORGETS)
    async with worker(database, happenings.subscribed(replace)):
        [finding] = await again(database, 1)
    assert finding.subject == "table proof.effect"
    assert finding.expected.split(",")[0] == finding.found.split(",")[0] == "3 rows"
    assert finding.expected != finding.found


async def test_events_that_are_told_anew_are_named_with_their_cause(database: Database) -> None:
    def tells(type_: str) -> Handler:
        async def tell(event: Event, uow: UnitOfWork, context: Context) -> None:
            told = happenings.happening(database, event.resource_id, 1, type_=type_)
            uow.publish(msgspec.structs.replace(told, causation_id=event.id))

        return tell

    await do(database, FORGETS)
    follows = happenings.subscribed(tells("SecondEvent"), "proof.follows", ["FirstEvent"])
    async with worker(database, happenings.subscribed(tells("FirstEvent")), follows):
        first, second = await again(database, 1)
    events = await happenings_told(database)
    assert first.subject == second.subject == "productOrder order-3"
    assert first.expected == second.expected == "no event"
    assert first.found == f"FirstEvent, caused by {events['order-3']}"
    assert second.found == f"SecondEvent, caused by {events['FirstEvent']}"


async def happenings_told(database: Database) -> dict[str, str]:
    """The ids of events, by object for those that the tests began with, by type for those that handlers told."""
    async with database.read() as session:
        rows = await session.fetch("select id, type, resource_id from kernel.event_log")
    return {row["resource_id"] if row["type"] == happenings.TYPE else row["type"]: row["id"] for row in rows}


async def test_deliveries_that_no_worker_takes_are_named(database: Database) -> None:
    [finding] = await again(database, patience_s=0.2)
    assert (finding.subject, finding.expected) == ("3 deliveries", "taken within 0.2 s")
    assert finding.found == "3 wait: does a worker run?"


async def test_what_stands_behind_a_parked_delivery_is_not_delivered_again(database: Database) -> None:
    await do(
        database,
        """insert into kernel.delivery(tenant, consumer, resource, resource_id, seq, next_at, parked_at)
           select tenant, 'proof.note', resource, resource_id, seq - 1000, 'infinity', now() from kernel.event_log
            where resource_id = 'order-2'""",
    )
    assert subjects(await again(database, patience_s=0.2)) == ["2 deliveries"]


@pytest.mark.parametrize("tells", [False, True])
async def test_an_installation_in_use_is_not_judged(database: Database, tells: bool) -> None:
    """Whether others write past events, or tell of what they do: their work is not taken for the redelivery's."""
    stop = asyncio.Event()

    async def others() -> None:
        n = 10
        while not stop.is_set():
            n += 1
            if tells:
                await happenings.publish(database, happenings.happening(database, f"other-{n}", n))
            await do(
                database, f"insert into proof.effect(tenant, consumer, resource_id, n) values ('north', 'x', 'x', {n})"
            )
            await asyncio.sleep(0.05)

    at_work = asyncio.create_task(others())
    try:
        async with worker(database, happenings.subscribed()):
            with pytest.raises(Conflict) as refused:
                await again(database)
    finally:
        stop.set()
        await at_work
    assert refused.value.code == "installationInUse"


async def test_without_events_there_is_nothing_to_try(own_database_dsn: str) -> None:
    empty = await Database.connect(own_database_dsn)
    try:
        assert await again(empty) == []
    finally:
        await empty.close()
