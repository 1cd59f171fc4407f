"""Invariant 2: an exclusive resource has one holder, and a reservation ends or becomes permanent."""

from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.finding import Finding
from trunkline.oss.resource_inventory.resources import resources

HOLDERS_MAX = 100_000


async def pool_findings(session: ReadSession, context: Context) -> list[Finding]:
    """Members held by nobody that is known, overdue reservations, and holders that believe to hold something else."""
    rows = await session.fetch(
        """select pool_id, value, state, holder, until from resource_pool.member
            where tenant = $1 and holder is not null order by pool_id, position limit $2""",
        context.tenant,
        HOLDERS_MAX,
    )
    found = []
    for row in rows:
        subject = f"member {row['value']} of pool {row['pool_id']}"
        if row["until"] is not None and row["until"] < context.now:
            found.append(
                _finding(
                    "every reservation expires or converts", subject, "free or allocated", f"held since {row['until']}"
                )
            )
        holder = await resources.find(session, row["holder"], context)
        believed = None if holder is None else (holder.get("value"), holder.get("allocationStatus"))
        expected = (row["value"], "allocated" if row["state"] == "allocated" else "reserved")
        if believed != expected:
            found.append(
                _finding(
                    "an exclusive resource has one holder that knows it",
                    subject,
                    str(expected),
                    str(believed or "no such resource"),
                )
            )
    return found


def _finding(rule: str, subject: str, expected: str, found: str) -> Finding:
    return Finding(invariant=2, rule=rule, subject=subject, expected=expected, found=found)
