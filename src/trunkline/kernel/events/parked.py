"""Parked deliveries: what operators see, replay or skip; and how much is under way."""

import re
from datetime import datetime

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, ReadSession, Record, UnitOfWork
from trunkline.kernel.errors import Invalid, NotFound
from trunkline.kernel.events.delivery import DeliveryKey, release_followers

LIMIT = 1000
_ID = re.compile(r"([0-9]{1,18}):(.{1,300})")
_COLUMNS = """d.tenant, d.consumer, d.resource, d.resource_id, d.seq, d.attempts, d.parked_at, d.error, e.id as event_id,
 e.type, e.occurred_at, e.correlation_id"""


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a consumer could not digest. It holds up the later events of the same resource for this consumer.

    id           what `replay` and `skip` take
    waiting      later events of the resource that stand behind it
    error        kind and first line of the last failure, without credentials
    """

    id: str
    consumer: str
    resource: str
    resource_id: str
    event_id: str
    event_type: str
    occurred_at: datetime
    correlation_id: str
    attempts: int
    parked_at: datetime
    error: str
    waiting: int


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """How much is under way, for metrics. All tenants.

    outbox       events the relay has not moved yet
    deliveries   per consumer: deliveries not done yet, parked ones not counted
    parked       per consumer: parked deliveries
    """

    outbox: int
    deliveries: dict[str, int]
    parked: dict[str, int]


async def list_parked(
    session: ReadSession, context: Context, *, consumer: str | None = None, after: str | None = None, limit: int = 100
) -> list[Parked]:
    """The tenant's parked deliveries, oldest event first; `after` is the id of the last one of the page before."""
    if not 1 <= limit <= LIMIT:
        raise Invalid("limitOutOfRange", f"A limit is from 1 to {LIMIT}.", path="$.limit")
    seq, name = _parse(after) if after else (0, "")
    rows = await session.fetch(
        f"""select {_COLUMNS}, (select count(*) from kernel.delivery w
                                 where w.tenant = d.tenant and w.consumer = d.consumer and w.resource = d.resource
                                   and w.resource_id = d.resource_id and w.seq > d.seq) as waiting
              from kernel.delivery d join kernel.event_log e on e.tenant = d.tenant and e.seq = d.seq
             where d.tenant = $1 and d.parked_at is not null and ($2::text is null or d.consumer = $2)
               and (d.seq, d.consumer) > ($3, $4)
             order by d.seq, d.consumer limit $5""",
        *(context.tenant, consumer, seq, name, limit),
    )
    return [_parked(row) for row in rows]


async def replay(uow: UnitOfWork, id_: str, context: Context) -> None:
    """Try a parked delivery again, at once and with all its attempts. Raises NotFound when none of that id is parked."""
    row = await _lock(uow, id_, context)
    key = DeliveryKey.of(row)
    await uow.execute(
        """update kernel.delivery set attempts = 0, parked_at = null, next_at = now()
            where tenant = $1 and consumer = $2 and resource = $3 and resource_id = $4 and seq = $5""",
        *(key.tenant, key.consumer, key.resource, key.resource_id, key.seq),
    )
    await release_followers(uow, key)
    uow.audit(_entry(context, "replay", row))
    uow.published = True  # wakes the workers after the commit


async def skip(uow: UnitOfWork, id_: str, reason: str, context: Context) -> None:
    """Give a parked delivery up, so that the later events of its resource may pass. The event stays in the log and
    `reason` in the audit trail. Raises Invalid without a reason, NotFound when none of that id is parked."""
    if not reason.strip():
        raise Invalid("reasonMissing", "Skipping an event needs a reason.", path="$.reason")
    row = await _lock(uow, id_, context)
    key = DeliveryKey.of(row)
    await uow.execute(
        """delete from kernel.delivery
            where tenant = $1 and consumer = $2 and resource = $3 and resource_id = $4 and seq = $5""",
        *(key.tenant, key.consumer, key.resource, key.resource_id, key.seq),
    )
    await release_followers(uow, key)
    uow.audit(_entry(msgspec.structs.replace(context, reason=reason.strip()), "skip", row))
    uow.published = True  # wakes the workers after the commit


async def backlog(session: ReadSession) -> Backlog:
    """What is under way at this moment."""
    outbox = await session.fetch_value("select count(*) from kernel.outbox")
    rows = await session.fetch(
        """select consumer, count(*) filter (where parked_at is null) as under_way, count(parked_at) as parked
             from kernel.delivery group by consumer order by consumer"""
    )
    return Backlog(
        outbox=outbox,
        deliveries={row["consumer"]: row["under_way"] for row in rows if row["under_way"]},
        parked={row["consumer"]: row["parked"] for row in rows if row["parked"]},
    )


def _parse(id_: str) -> tuple[int, str]:
    match = _ID.fullmatch(id_)
    return (int(match[1]), match[2]) if match else (-1, "")


async def _lock(uow: UnitOfWork, id_: str, context: Context) -> Record:
    seq, consumer = _parse(id_)
    row = await uow.fetch_row(
        f"""select {_COLUMNS} from kernel.delivery d join kernel.event_log e on e.tenant = d.tenant and e.seq = d.seq
             where d.tenant = $1 and d.seq = $2 and d.consumer = $3 and d.parked_at is not null for update of d""",
        *(context.tenant, seq, consumer),
    )
    if row is None:
        raise NotFound(
            "unknownParkedEvent",
            "There is no such parked event.",
            message="Nothing was done. It may have been replayed or skipped already.",
            path="$.id",
        )
    return row


def _entry(context: Context, action: str, row: Record) -> AuditEntry:
    before = {
        "consumer": row["consumer"],
        "eventId": row["event_id"],
        "eventType": row["type"],
        "resource": row["resource"],
        "resourceId": row["resource_id"],
        "attempts": row["attempts"],
        "error": row["error"],
    }
    return AuditEntry.of(context, action, "event", row["event_id"], before=before)


def _parked(row: Record) -> Parked:
    return Parked(
        id=DeliveryKey.of(row).id,
        consumer=row["consumer"],
        resource=row["resource"],
        resource_id=row["resource_id"],
        event_id=row["event_id"],
        event_type=row["type"],
        occurred_at=row["occurred_at"],
        correlation_id=row["correlation_id"],
        attempts=row["attempts"],
        parked_at=row["parked_at"],
        error=row["error"],
        waiting=row["waiting"],
    )
