"""The permanent record of events: exact lists by object, by cause, and as a stream in the order of commits."""

from collections.abc import Sequence

import msgspec

from trunkline.kernel.db import ReadSession, Record
from trunkline.kernel.errors import Invalid
from trunkline.kernel.events.event import Event, decode_payload

LIMIT = 1000
COLUMNS = """e.tenant, e.seq, e.id, e.type, e.source, e.resource, e.resource_id, e.version, e.occurred_at,
 e.correlation_id, e.causation_id, e.actor, e.payload"""


class Logged(msgspec.Struct, frozen=True):
    """An event and its place in the log. `seq` grows in the order of commits and may have gaps."""

    seq: int
    event: Event


def from_row(row: Record) -> Event:
    """The event in a row that has `COLUMNS`."""
    return Event(
        id=row["id"],
        type=row["type"],
        source=row["source"],
        tenant=row["tenant"],
        resource=row["resource"],
        resource_id=row["resource_id"],
        version=row["version"],
        occurred_at=row["occurred_at"],
        correlation_id=row["correlation_id"],
        causation_id=row["causation_id"],
        actor=row["actor"],
        payload=decode_payload(row["payload"]),
    )


async def events_about(
    session: ReadSession, tenant: str, resource: str, resource_id: str, limit: int = LIMIT
) -> list[Event]:
    """What happened to one object, in order."""
    rows = await session.fetch(
        f"""select {COLUMNS} from kernel.event_log e
             where e.tenant = $1 and e.resource = $2 and e.resource_id = $3 order by e.seq limit $4""",
        *(tenant, resource, resource_id, _checked(limit)),
    )
    return [from_row(row) for row in rows]


async def events_caused(session: ReadSession, tenant: str, correlation_id: str, limit: int = LIMIT) -> list[Event]:
    """All that followed from one outside cause, in order."""
    rows = await session.fetch(
        f"select {COLUMNS} from kernel.event_log e where e.tenant = $1 and e.correlation_id = $2 order by e.seq limit $3",
        *(tenant, correlation_id, _checked(limit)),
    )
    return [from_row(row) for row in rows]


async def events_after(
    session: ReadSession, tenant: str, seq: int, types: Sequence[str] | None = None, limit: int = LIMIT
) -> list[Logged]:
    """The next events after `seq`, of the given types or of all. Who keeps the last `seq` and asks again misses none:
    an event that commits late gets a later `seq`."""
    if types is None:
        rows = await session.fetch(
            f"select {COLUMNS} from kernel.event_log e where e.tenant = $1 and e.seq > $2 order by e.seq limit $3",
            *(tenant, seq, _checked(limit)),
        )
    else:
        rows = await session.fetch(
            f"""select {COLUMNS} from kernel.event_log e
                 where e.tenant = $1 and e.seq > $2 and e.type = any($4::text[]) order by e.seq limit $3""",
            *(tenant, seq, _checked(limit), list(types)),
        )
    return [Logged(row["seq"], from_row(row)) for row in rows]


async def last_seq(session: ReadSession, tenant: str) -> int:
    """Where the log ends now; 0 when it is empty."""
    found = await session.fetch_value("select max(seq) from kernel.event_log where tenant = $1", tenant)
    return int(found or 0)


def _checked(limit: int) -> int:
    if not 1 <= limit <= LIMIT:
        raise Invalid("limitOutOfRange", f"A limit is from 1 to {LIMIT}.", path="$.limit")
    return limit
