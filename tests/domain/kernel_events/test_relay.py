"""The relay: every committed event reaches the log once, and each consumer's queue once."""

import asyncio
from decimal import Decimal

import pytest

from tests.domain.kernel_events.scene import (
    TENANT,
    TYPE,
    context,
    events_about,
    events_after,
    events_caused,
    happening,
    line,
    publish,
    subscribed,
)
from trunkline.kernel.db import Database
from trunkline.kernel.events.event import event
from trunkline.kernel.events.log import last_seq
from trunkline.kernel.events.parked import backlog
from trunkline.kernel.events.relay import Relay, Relayed
from trunkline.kernel.events.relay_lock import hold_relay


async def test_events_move_to_the_log_in_order_with_one_delivery_per_consumer(database: Database) -> None:
    first, second, other = (happening(database, id_, n) for id_, n in (("A", 1), ("A", 2), ("B", 1)))
    silent = happening(database, "A", 3, type_="ProductOrderDeleteEvent")
    await publish(database, first, second)
    await publish(database, other, silent)
    relay, _ = line(database, subscribed(), subscribed(consumer="proof.other", types=(TYPE, "ProductOrderDeleteEvent")))

    assert await relay.move() == Relayed(events=4, deliveries=7)
    assert await relay.move() == Relayed(events=0, deliveries=0)
    async with database.read() as session:
        assert await events_about(session, TENANT, "productOrder", "A") == [first, second, silent]
        assert await events_caused(session, TENANT, "cause-1") == [first, second, other, silent]
        assert [x.event for x in await events_after(session, TENANT, 0, ["ProductOrderDeleteEvent"])] == [silent]
        assert await events_about(session, "south", "productOrder", "A") == []
        rows = await session.fetch("select consumer, resource_id from kernel.delivery order by consumer, seq")
        assert [tuple(row) for row in rows] == [
            *(("proof.note", id_) for id_ in "AAB"),
            *(("proof.other", id_) for id_ in "AABA"),
        ]
        found = await backlog(session)
    assert (found.outbox, found.deliveries, found.parked) == (0, {"proof.note": 3, "proof.other": 4}, {})


async def test_a_rolled_back_change_leaves_no_event(database: Database) -> None:
    async def change() -> None:
        async with database.unit_of_work() as uow:
            uow.publish(happening(database, "A", 1))
            await uow.flush()
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        await change()
    assert await Relay(database, []).move() == Relayed(events=0, deliveries=0)


async def test_batches_are_bounded(database: Database) -> None:
    await publish(database, *(happening(database, f"o{n}", n) for n in range(1203)))
    relay = Relay(database, [subscribed()])
    assert [(await relay.move()).events for _ in range(4)] == [500, 500, 203, 0]


async def test_an_event_that_commits_late_is_not_lost_and_comes_later_in_the_log(database: Database) -> None:
    relay = Relay(database, [subscribed()])
    async with database.unit_of_work() as slow:
        slow.publish(happening(database, "slow", 1))
        await slow.flush()  # has the lower outbox number, but is not committed
        await publish(database, happening(database, "quick", 1))
        assert await relay.move() == Relayed(events=1, deliveries=1)
        async with database.read() as session:
            kept = await last_seq(session, TENANT)
    assert await relay.move() == Relayed(events=1, deliveries=1)
    async with database.read() as session:
        assert [x.event.resource_id for x in await events_after(session, TENANT, kept)] == ["slow"]


async def test_relays_beside_each_other_move_everything_once_and_in_order(database: Database) -> None:
    relays = [Relay(database, [subscribed()]) for _ in range(4)]

    async def move(relay: Relay) -> int:
        moved = 0
        for _ in range(60):
            moved += (await relay.move(limit=20)).events
        return moved

    async def produce() -> None:
        for n in range(60):
            await publish(database, *(happening(database, f"o{m}", n) for m in range(10)))

    producing = asyncio.create_task(produce())
    moved = await asyncio.gather(*map(move, relays))
    await producing
    rest = [(await relays[0].move()).events for _ in range(3)]
    assert sum(moved) + sum(rest) == 600
    async with database.read() as session:
        for m in range(10):
            found = await events_about(session, TENANT, "productOrder", f"o{m}")
            assert [x.version for x in found] == list(range(60))
        assert await session.fetch_value("select count(*) from kernel.delivery") == 600


async def test_only_one_relay_works_and_the_others_do_not_wait(database: Database) -> None:
    await publish(database, happening(database, "A", 1))
    relay = Relay(database, [subscribed()])
    async with database.unit_of_work() as uow:
        await hold_relay(uow)
        assert await asyncio.wait_for(relay.move(), 2) == Relayed(events=0, deliveries=0)
    assert await relay.move() == Relayed(events=1, deliveries=1)


async def test_the_payload_comes_back_exactly(database: Database) -> None:
    payload = {"usage": {"amount": Decimal("0.1"), "text": "Zürich\u2028", "none": None, "big": 2**60}}
    sent = event(context(database), "UsageRated", source="usage", resource="usage", resource_id="U", payload=payload)
    await publish(database, sent)
    await Relay(database, []).move()
    async with database.read() as session:
        assert (await events_about(session, TENANT, "usage", "U"))[0].payload == payload
