"""What waits for each subscriber of the hub: for operators."""

from datetime import datetime

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession, UnitOfWork
from trunkline.kernel.errors import NotFound
from trunkline.kernel.events.parked import LIMIT, list_parked, replay

PREFIX = "hub:"
"""What the names of subscribers begin with among the consumers of events."""


class SubscriberBacklog(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription and how far its subscriber is.

    waiting            notifications not accepted yet, parked ones not counted
    oldest_at          when the oldest of them happened; None when none waits
    failing            of those waiting, how many have failed at least once
    parked             notifications given up until somebody replays or skips them
    error              the last failure among those waiting or parked, without credentials
    """

    id: str
    api: str
    callback: str
    query: str
    style: str
    created_at: datetime
    created_by: str
    waiting: int
    oldest_at: datetime | None
    failing: int
    parked: int
    error: str | None


_LIST = """
select s.id, s.api, s.callback, s.query, s.style, s.created_at, s.created_by,
       b.waiting, b.oldest_at, b.failing, b.parked, b.error
  from kernel.hub_subscription s
 cross join lateral (
       select count(*) filter (where d.parked_at is null) as waiting,
              count(*) filter (where d.parked_at is null and d.attempts > 0) as failing,
              count(d.parked_at) as parked,
              min(e.occurred_at) filter (where d.parked_at is null) as oldest_at,
              (array_agg(d.error order by d.seq desc) filter (where d.error is not null))[1] as error
         from kernel.delivery d join kernel.event_log e on e.tenant = d.tenant and e.seq = d.seq
        where d.tenant = s.tenant and d.consumer = 'hub:' || s.id) b
 where s.tenant = $1 and ($2::text is null or s.id = $2)
 order by s.id limit $3"""


async def list_subscribers(session: ReadSession, context: Context, limit: int = LIMIT) -> list[SubscriberBacklog]:
    """The tenant's subscriptions of all APIs, oldest first."""
    return [SubscriberBacklog(**dict(row)) for row in await session.fetch(_LIST, context.tenant, None, limit)]


async def get_subscriber(session: ReadSession, context: Context, id_: str) -> SubscriberBacklog:
    """One subscription. Raises NotFound."""
    row = await session.fetch_row(_LIST, context.tenant, id_, 1)
    if row is None:
        raise NotFound(
            "unknownSubscription", "There is no such subscription.", message="Nothing was done.", path="$.id"
        )
    return SubscriberBacklog(**dict(row))


async def replay_subscriber(uow: UnitOfWork, context: Context, id_: str) -> int:
    """Try what is parked for one subscriber again, the oldest first, at most 1,000; returns how many.
    Raises NotFound for an unknown subscription."""
    await get_subscriber(uow, context, id_)
    parked = await list_parked(uow, context, consumer=PREFIX + id_, limit=LIMIT)
    for one in parked:
        await replay(uow, one.id, context)
    return len(parked)
