"""The permanent record of events: what a row of it holds, and where it ends."""

from trunkline.kernel.db import ReadSession, Record
from trunkline.kernel.events.event import Event, decode_payload

COLUMNS = """e.tenant, e.seq, e.id, e.type, e.source, e.resource, e.resource_id, e.version, e.occurred_at,
 e.correlation_id, e.causation_id, e.actor, e.payload"""


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


async def last_seq(session: ReadSession, tenant: str) -> int:
    """Where the log ends now; 0 when it is empty."""
    found = await session.fetch_value("select max(seq) from kernel.event_log where tenant = $1", tenant)
    return int(found or 0)
