"""What the tests of events share: publishing, a table that handlers write their effect into, quick retries."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, ReadSession, UnitOfWork
from trunkline.kernel.events.delivery import RetryPolicy
from trunkline.kernel.events.event import Event, Handler, Subscription, event
from trunkline.kernel.events.inbox import Consumers
from trunkline.kernel.events.log import COLUMNS, from_row
from trunkline.kernel.events.relay import Relay

TENANT = "north"
TYPE = "ProductOrderStateChangeEvent"
AT_ONCE = RetryPolicy(attempts=3, attempts_refused=2, first=timedelta(0), cap=timedelta(0))
"""Three tries without a pause."""


def context(database: Database, tenant: str = TENANT, correlation_id: str = "cause-1") -> Context:
    return Context(
        tenant=tenant,
        actor="user-7",
        channel="api",
        now=database.clock.now(),
        correlation_id=correlation_id,
        causation_id="cause-0",
        permissions=frozenset({"*"}),
    )


def happening(
    database: Database, resource_id: str, n: int, *, tenant: str = TENANT, type_: str = TYPE, **attributes: Any
) -> Event:
    """The n-th thing that happened to an order."""
    document = {
        "id": resource_id,
        "href": f"/productOrder/{resource_id}",
        "@type": "ProductOrder",
        "n": n,
        **attributes,
    }
    return event(
        context(database, tenant),
        type_,
        source="product_ordering",
        resource="productOrder",
        resource_id=resource_id,
        version=n,
        payload={"productOrder": document},
    )


async def publish(database: Database, *events: Event) -> None:
    async with database.unit_of_work() as uow:
        uow.publish(*events)


async def make_effects(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.execute("create schema if not exists proof")
        await uow.execute(
            """create table if not exists proof.effect(
                 seq bigint generated always as identity primary key, tenant text, consumer text, resource_id text, n int)"""
        )


async def effects(database: Database, consumer: str = "proof.note") -> list[tuple[str, int]]:
    """What handlers have done, in the order of their writing."""
    async with database.read() as session:
        rows = await session.fetch("select resource_id, n from proof.effect where consumer = $1 order by seq", consumer)
    return [(row["resource_id"], row["n"]) for row in rows]


async def note(happened: Event, uow: UnitOfWork, call: Context) -> None:
    """A handler whose effect is one row."""
    await uow.execute(
        "insert into proof.effect(tenant, consumer, resource_id, n) values ($1, $2, $3, $4)",
        *(
            happened.tenant,
            call.actor.removeprefix("system:"),
            happened.resource_id,
            happened.payload["productOrder"]["n"],
        ),
    )


def subscribed(handler: Handler = note, consumer: str = "proof.note", types: Sequence[str] = (TYPE,)) -> Subscription:
    return Subscription(consumer=consumer, types=tuple(types), handler=handler)


def line(database: Database, *subscriptions: Subscription, retry: RetryPolicy = AT_ONCE) -> tuple[Relay, Consumers]:
    return Relay(database, subscriptions), Consumers(database, subscriptions, retry=retry)


async def drain(relay: Relay, consumers: Consumers) -> int:
    """Relay all and handle all that is due; returns how often a handler was called upon."""
    while (await relay.move()).events:
        pass
    calls = 0
    for name in consumers.names:
        while await consumers.handle_next(name):
            calls += 1
    return calls


async def eventually(what: Callable[[], Awaitable[bool]], seconds: float = 15) -> None:
    """Wait until `what` holds; fails the test when it does not."""
    async with asyncio.timeout(seconds):
        while not await what():  # noqa: ASYNC110 another process does it
            await asyncio.sleep(0.02)


class Logged(msgspec.Struct, frozen=True):
    """An event and its place in the log. `seq` grows in the order of commits and may have gaps."""

    seq: int
    event: Event


async def events_about(
    session: ReadSession, tenant: str, resource: str, resource_id: str, limit: int = 1000
) -> list[Event]:
    """What happened to one object, in order."""
    rows = await session.fetch(
        f"""select {COLUMNS} from kernel.event_log e
             where e.tenant = $1 and e.resource = $2 and e.resource_id = $3 order by e.seq limit $4""",
        *(tenant, resource, resource_id, limit),
    )
    return [from_row(row) for row in rows]


async def events_caused(session: ReadSession, tenant: str, correlation_id: str, limit: int = 1000) -> list[Event]:
    """All that followed from one outside cause, in order."""
    rows = await session.fetch(
        f"select {COLUMNS} from kernel.event_log e where e.tenant = $1 and e.correlation_id = $2 order by e.seq limit $3",
        *(tenant, correlation_id, limit),
    )
    return [from_row(row) for row in rows]


async def events_after(
    session: ReadSession, tenant: str, seq: int, types: Sequence[str] | None = None, limit: int = 1000
) -> list[Logged]:
    """The next events after `seq`, of the given types or of all. Who keeps the last `seq` and asks again misses none:
    an event that commits late gets a later `seq`."""
    if types is None:
        rows = await session.fetch(
            f"select {COLUMNS} from kernel.event_log e where e.tenant = $1 and e.seq > $2 order by e.seq limit $3",
            *(tenant, seq, limit),
        )
    else:
        rows = await session.fetch(
            f"""select {COLUMNS} from kernel.event_log e
                 where e.tenant = $1 and e.seq > $2 and e.type = any($4::text[]) order by e.seq limit $3""",
            *(tenant, seq, limit, list(types)),
        )
    return [Logged(row["seq"], from_row(row)) for row in rows]
