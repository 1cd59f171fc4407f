"""The relay: moves events from the outbox into the log, makes a delivery for each one who wants them, and keeps the stubs
of records that the other half refers to.

It claims rows by deleting them, in the same statement that stores them elsewhere. There is no cursor: a cursor over the
outbox's `seq` would have to wait for the oldest running transaction of the server, or lose what commits late.
"""

from collections.abc import Sequence

import msgspec

from trunkline.kernel.db import Database
from trunkline.kernel.events.event import Subscription
from trunkline.kernel.events.hub import HubApi
from trunkline.kernel.events.hub_query import wanted_by
from trunkline.kernel.events.relay_lock import RELAY_LOCK

BATCH = 500

LOGGED_CHANNEL = "trunkline_logged"
"""Notified when events have come into the log: for those who read along (`streams`). Notifying inside the transaction
makes no commits wait here, since one relay works at a time."""

# `held` is evaluated once, before the batch: a second relay gets `false` and finds an empty batch. The lock is kept to
# the end of the transaction, so that `event_log.seq`, assigned inside, grows in the order of commits.
_MOVE = f"""
with held as materialized (select pg_try_advisory_xact_lock($1) as got),
     batch as (delete from kernel.outbox o
                using (select seq from kernel.outbox where (select got from held) order by seq limit $2) next
                where o.seq = next.seq returning o.*),
     logged as (insert into kernel.event_log
                  (tenant, id, type, source, resource, resource_id, version, occurred_at, correlation_id, causation_id,
                   actor, payload)
                select tenant, id, type, source, resource, resource_id, version, occurred_at, correlation_id,
                       causation_id, actor, payload
                  from batch order by batch.seq
                returning tenant, seq, id, type, resource, resource_id, version, payload),
     stubbed as (insert into kernel.stub as s (tenant, id, resource, state, gone, seq)
                 select distinct on (tenant, resource_id, resource) tenant, resource_id, resource,
                        coalesce(payload -> resource ->> 'status', payload -> resource ->> 'state',
                                 payload -> resource ->> 'lifecycleStatus'),
                        type like '%DeleteEvent', seq
                   from logged where resource = any($7::text[]) and version > 0
                  order by tenant, resource_id, resource, seq desc
                 on conflict (tenant, id, resource) do update
                    set state = excluded.state, gone = excluded.gone, seq = excluded.seq where s.seq < excluded.seq
                 returning tenant, id, resource, gone),
     known as (update kernel.cross_reference r set resolved = true from stubbed s
                where not r.resolved and not s.gone and r.tenant = s.tenant and r.target_id = s.id
                  and s.resource = any(r.targets)),
     wanted as (select l.tenant, c.consumer, l.resource, l.resource_id, l.seq
                  from logged l join unnest($3::text[], $4::text[]) as c(consumer, type) on c.type = l.type
                union
                select l.tenant, 'hub:' || s.id, l.resource, l.resource_id, l.seq
                  from logged l
                  join unnest($5::text[], $6::text[]) as a(api, resource) on a.resource = l.resource
                  join kernel.hub_subscription s on s.tenant = l.tenant and s.api = a.api
                 where {wanted_by("l", "s")}),
     made as (insert into kernel.delivery(tenant, consumer, resource, resource_id, seq, next_at)
              select tenant, consumer, resource, resource_id, seq, now() from wanted order by seq
              returning 1)
select (select got from held) as got, (select count(*) from logged) as moved, (select count(*) from made) as made,
       case when exists (select 1 from logged) then pg_notify('{LOGGED_CHANNEL}', '')::text end as told"""


class Relayed(msgspec.Struct, frozen=True):
    """What one step of the relay did: events moved to the log, deliveries made for them."""

    events: int
    deliveries: int


class Relay:
    """Moves events for all tenants. Any number of processes may run one; at each moment one of them works.

    It must know *all* consumers of the installation, not only those its own process runs, since an event is handed out
    once, when it is moved: a consumer that is added later sees the events from then on.

    stubbed  names of the resources of which a stub is kept, for references from the other half; in this statement and not
             by a consumer, as that costs a transaction an event
    """

    def __init__(
        self,
        database: Database,
        subscriptions: Sequence[Subscription],
        apis: Sequence[HubApi] = (),
        stubbed: Sequence[str] = (),
    ) -> None:
        pairs = sorted({(s.consumer, type_) for s in subscriptions for type_ in s.types})
        offered = sorted({(api.path, resource) for api in apis for resource in api.resources})
        self._database = database
        self._consumers = ([c for c, _ in pairs], [t for _, t in pairs])
        self._stubbed = list(stubbed)
        self._apis = ([a for a, _ in offered], [r for _, r in offered])

    async def move(self, limit: int = BATCH) -> Relayed:
        """Move up to `limit` events (one transaction) and wake the consumers of all processes."""
        async with self._database.unit_of_work() as uow:
            row = await uow.fetch_row(_MOVE, RELAY_LOCK, limit, *self._consumers, *self._apis, self._stubbed)
        assert row is not None  # the statement selects constants
        if row["made"]:
            self._database.wake()
        return Relayed(row["moved"], row["made"])
