"""Consumers: exactly one effect per event, in order per resource, whatever handlers do."""

import asyncio
import contextlib
from datetime import timedelta

import asyncpg
import pytest

from tests.domain.kernel_events.scene import (
    AT_ONCE,
    TENANT,
    TYPE,
    context,
    drain,
    effects,
    happening,
    line,
    note,
    publish,
    subscribed,
)
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, UnitOfWork
from trunkline.kernel.errors import Invalid, NotFound, Unavailable
from trunkline.kernel.events.delivery import RetryPolicy, error_text
from trunkline.kernel.events.event import Event, Handler
from trunkline.kernel.events.inbox import Consumers
from trunkline.kernel.events.parked import Parked, backlog, list_parked, replay, skip


def failing(broken: set[tuple[str, int]], error: Exception) -> Handler:
    """A handler that writes its effect and then fails on the events in `broken`."""

    async def handler(happened: Event, uow: UnitOfWork, call: Context) -> None:
        await note(happened, uow, call)
        if (happened.resource_id, happened.version) in broken:
            raise error

    return handler


async def parked(database: Database, tenant: str = TENANT) -> list[Parked]:
    async with database.read() as session:
        return await list_parked(session, context(database, tenant))


async def test_each_event_takes_effect_once_in_order(database: Database) -> None:
    await publish(database, *(happening(database, id_, n) for n in range(1, 4) for id_ in ("A", "B")))
    relay, consumers = line(database, subscribed())
    assert await drain(relay, consumers) == 6
    assert await effects(database) == [("A", 1), ("B", 1), ("A", 2), ("B", 2), ("A", 3), ("B", 3)]
    assert await drain(relay, consumers) == 0
    async with database.read() as session:
        assert await session.fetch_value("select count(*) from kernel.delivery") == 0
        assert await session.fetch_value("select count(*) from kernel.inbox where consumer = 'proof.note'") == 6


async def test_a_second_delivery_of_the_same_event_changes_nothing(database: Database) -> None:
    await publish(database, happening(database, "A", 1))
    relay, consumers = line(database, subscribed())
    await drain(relay, consumers)
    async with database.unit_of_work() as uow:
        await uow.execute(
            """insert into kernel.delivery(tenant, consumer, resource, resource_id, seq, next_at)
               select tenant, 'proof.note', resource, resource_id, seq, now() from kernel.event_log"""
        )
    assert await consumers.handle_next("proof.note") is True
    assert await consumers.handle_next("proof.note") is False
    assert await effects(database) == [("A", 1)]


async def test_the_handler_is_told_who_when_and_why(database: Database) -> None:
    seen: list[Context] = []

    async def handler(happened: Event, uow: UnitOfWork, call: Context) -> None:
        seen.append(call)

    database.clock.set_offset(timedelta(days=30))
    sent = happening(database, "A", 1)
    await publish(database, sent)
    await drain(*line(database, subscribed(handler)))
    assert seen == [
        Context(
            tenant=TENANT,
            actor="system:proof.note",
            channel="worker",
            now=seen[0].now,
            correlation_id="cause-1",
            causation_id=sent.id,
            permissions=frozenset({"*"}),
        )
    ]
    assert timedelta(0) <= seen[0].now - sent.occurred_at < timedelta(seconds=10)


async def test_a_failure_leaves_no_effect_and_is_tried_again(database: Database) -> None:
    broken = {("A", 1)}
    relay, consumers = line(database, subscribed(failing(broken, Unavailable("gatewayDown", "The gateway is down."))))
    await publish(database, happening(database, "A", 1), happening(database, "A", 2), happening(database, "B", 1))
    await relay.move()
    assert await consumers.handle_next("proof.note") is True
    assert await effects(database) == []
    async with database.read() as session:
        row = await session.fetch_row("select attempts, error, parked_at from kernel.delivery where attempts > 0")
        assert row is not None
        assert tuple(row) == (1, "Unavailable gatewayDown: The gateway is down.", None)
        assert await session.fetch_value("select count(*) from kernel.inbox") == 0
    broken.clear()
    await drain(relay, consumers)
    assert sorted(await effects(database)) == [("A", 1), ("A", 2), ("B", 1)]
    assert [x for x in await effects(database) if x[0] == "A"] == [("A", 1), ("A", 2)]


async def test_a_parked_event_holds_back_its_own_resource_only(database: Database) -> None:
    broken = {("A", 1)}
    relay, consumers = line(database, subscribed(failing(broken, RuntimeError("password=hunter2 refused\nDETAIL: x"))))
    await publish(database, *(happening(database, id_, n) for n in (1, 2, 3) for id_ in ("A", "B")))
    assert await drain(relay, consumers) == 3 + 3
    assert await effects(database) == [("B", 1), ("B", 2), ("B", 3)]
    (found,) = await parked(database)
    assert (found.resource_id, found.event_type, found.attempts, found.waiting) == ("A", TYPE, 3, 2)
    assert (found.error, found.correlation_id) == ("RuntimeError: password=*** refused", "cause-1")
    assert await parked(database, "south") == []
    async with database.read() as session:
        assert (await backlog(session)).parked == {"proof.note": 1}
        assert (await backlog(session)).deliveries == {"proof.note": 2}

    broken.clear()
    async with database.unit_of_work() as uow:
        await replay(uow, found.id, context(database))
    assert await drain(relay, consumers) == 3
    assert (await effects(database))[3:] == [("A", 1), ("A", 2), ("A", 3)]
    assert await parked(database) == []


async def test_skipping_needs_a_reason_and_lets_the_others_pass(database: Database) -> None:
    relay, consumers = line(database, subscribed(failing({("A", 1)}, NotFound("unknownLine", "No such line."))))
    await publish(database, happening(database, "A", 1), happening(database, "A", 2))
    assert await drain(relay, consumers) == AT_ONCE.attempts_refused
    (found,) = await parked(database)
    assert found.error == "NotFound unknownLine: No such line."
    for tenant, id_ in ((TENANT, "0:proof.note"), (TENANT, "nonsense"), ("south", found.id)):
        with pytest.raises(NotFound):
            async with database.unit_of_work() as uow:
                await skip(uow, id_, "obsolete", context(database, tenant))
    with pytest.raises(Invalid):
        async with database.unit_of_work() as uow:
            await skip(uow, found.id, "  ", context(database))
    assert await parked(database) == [found]

    async with database.unit_of_work() as uow:
        await skip(uow, found.id, "line was torn down", context(database))
    assert await drain(relay, consumers) == 1
    assert await effects(database) == [("A", 2)]
    with pytest.raises(NotFound):
        async with database.unit_of_work() as uow:
            await replay(uow, found.id, context(database))
    async with database.read() as session:
        rows = await session.fetch(
            "select action, resource, reason, actor from kernel.audit where resource_id = $1", found.event_id
        )
    assert [tuple(row) for row in rows] == [("skip", "event", "line was torn down", "user-7")]


async def test_what_stands_behind_a_parked_event_is_put_off_and_comes_back(database: Database) -> None:
    broken = {("A", 1)}
    relay, consumers = line(database, subscribed(failing(broken, RuntimeError("no"))))
    await publish(database, *(happening(database, "A", n) for n in range(1, 41)))
    await drain(relay, consumers)
    assert await consumers.due() == ["proof.note"]
    assert await consumers.put_off_blocked("proof.note") == 39
    assert await consumers.due() == []
    await publish(database, happening(database, "A", 41))
    await relay.move()
    assert await consumers.put_off_blocked("proof.note") == 1
    broken.clear()
    async with database.unit_of_work() as uow:
        await replay(uow, (await parked(database))[0].id, context(database))
    assert await drain(relay, consumers) == 41
    assert await effects(database) == [("A", n) for n in range(1, 42)]


async def test_a_pause_holds_the_resource_until_it_is_over(database: Database) -> None:
    broken = {("A", 1)}
    slow = RetryPolicy(first=timedelta(milliseconds=400), cap=timedelta(milliseconds=400))
    relay, consumers = line(database, subscribed(failing(broken, RuntimeError("not yet"))), retry=slow)
    await publish(database, happening(database, "A", 1), happening(database, "A", 2))
    assert await drain(relay, consumers) == 1
    broken.clear()
    assert await consumers.put_off_blocked("proof.note") == 1
    assert await drain(relay, consumers) == 0
    await asyncio.sleep(0.5)
    assert await drain(relay, consumers) == 2
    assert await effects(database) == [("A", 1), ("A", 2)]


async def test_workers_beside_each_other_keep_order_and_double_nothing(database: Database) -> None:
    await publish(database, *(happening(database, f"o{m}", n) for n in range(25) for m in range(8)))
    relay, consumers = line(database, subscribed())
    await relay.move()

    async def work() -> None:
        for _ in range(400):
            if not await consumers.handle_next("proof.note"):
                await asyncio.sleep(0)

    await asyncio.gather(*(work() for _ in range(4)))
    found = await effects(database)
    assert len(found) == 200
    for m in range(8):
        assert [n for id_, n in found if id_ == f"o{m}"] == list(range(25))


async def test_a_slow_handler_holds_up_its_own_resource_only(database: Database) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def handler(happened: Event, uow: UnitOfWork, call: Context) -> None:
        if (happened.resource_id, happened.version) == ("A", 1):
            entered.set()
            await go_on.wait()
        await note(happened, uow, call)

    relay, consumers = line(database, subscribed(handler))
    await publish(database, *(happening(database, id_, n) for n in (1, 2) for id_ in ("A", "B")))
    await relay.move()
    slow = asyncio.create_task(consumers.handle_next("proof.note"))
    await entered.wait()
    handled = [await asyncio.wait_for(consumers.handle_next("proof.note"), 2) for _ in range(3)]
    assert handled == [True, True, False]
    assert await effects(database) == [("B", 1), ("B", 2)]
    go_on.set()
    assert await slow is True
    assert await drain(relay, consumers) == 1
    assert await effects(database) == [("B", 1), ("B", 2), ("A", 1), ("A", 2)]


async def test_a_handler_that_hangs_is_stopped(database: Database) -> None:
    async def hang(happened: Event, uow: UnitOfWork, call: Context) -> None:
        await note(happened, uow, call)
        await uow.fetch_value("select pg_sleep(30)")

    subscription = subscribed(hang)
    relay, _ = line(database, subscription)
    consumers = Consumers(database, [subscription], retry=AT_ONCE, handler_timeout=timedelta(milliseconds=50))
    await publish(database, happening(database, "A", 1))
    assert await drain(relay, consumers) == 3
    assert [x.error for x in await parked(database)] == ["TimeoutError: "]
    assert await effects(database) == []


async def test_a_refusal_at_the_commit_counts_as_failure(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.execute(
            """alter table proof.effect add constraint once unique (resource_id) deferrable initially deferred"""
        )
    relay, consumers = line(database, subscribed())
    await publish(database, happening(database, "A", 1), happening(database, "A", 2))
    assert await drain(relay, consumers) == 1 + 3
    assert [x.error.split(":")[0] for x in await parked(database)] == ["UniqueViolationError"]
    assert await effects(database) == [("A", 1)]


async def test_a_handler_that_swallows_a_database_error_is_not_believed(database: Database) -> None:
    async def careless(happened: Event, uow: UnitOfWork, call: Context) -> None:
        await note(happened, uow, call)
        with contextlib.suppress(asyncpg.PostgresError):
            await uow.fetch_value("select 1 / 0")

    relay, consumers = line(database, subscribed(careless))
    await publish(database, happening(database, "A", 1))
    assert await drain(relay, consumers) == 3
    assert [x.error.split(":")[0] for x in await parked(database)] == ["InFailedSQLTransactionError"]
    assert await effects(database) == []


async def test_an_event_that_nobody_handles_any_more_is_let_go(database: Database) -> None:
    relay, _ = line(database, subscribed())
    _, later = line(database, subscribed(types=("ProductOrderDeleteEvent",)))
    await publish(database, happening(database, "A", 1))
    assert await drain(relay, later) == 1
    assert await effects(database) == []
    assert await later.due() == []


def test_two_handlers_under_one_name_are_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="two handlers"):
        Consumers(database, [subscribed(), subscribed(failing(set(), RuntimeError()))])


def test_pauses_grow_to_the_cap_within_a_fifth() -> None:
    policy = RetryPolicy()
    nominal = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    pauses = [policy.pause(n, "x").total_seconds() for n in range(1, 12)]
    assert all(0.8 * s <= pause <= 1.2 * s for s, pause in zip(nominal, pauses, strict=True))
    assert policy.pause(5, "x") == policy.pause(5, "x")
    assert len({policy.pause(5, f"{n}") for n in range(50)}) > 40


@pytest.mark.parametrize(
    ("raised", "kept"),
    [
        (OSError("postgresql://bss:geheim@db/x is down"), "OSError: postgresql://***@db/x is down"),
        (ValueError("Authorization: Bearer abc.def was refused"), "ValueError: Authorization: *** was refused"),
        (ValueError("api_key=abc, retry"), "ValueError: api_key=***, retry"),
        (ValueError(""), "ValueError: "),
        (ValueError("y" * 600), "ValueError: " + "y" * 488),
    ],
)
def test_kept_errors_hold_no_credentials(raised: Exception, kept: str) -> None:
    assert error_text(raised) == kept
