"""Questions about who holds what: the inventory and the pools, compared (invariant 2)."""

from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.finding import Finding
from trunkline.oss.resource_inventory.resources import resources
from trunkline.oss.resource_pool.contracts import Member
from trunkline.oss.resource_pool.facade import held_members

PAGE = 1_000


async def pool_findings(session: ReadSession, context: Context) -> list[Finding]:
    """Members held by nobody that is known, overdue reservations, and holders that believe to hold something else."""
    found: list[Finding] = []
    after = ("", "")
    while True:
        page = await held_members(session, context, after=after, limit=PAGE)
        for member in page:
            found += await _about(session, member, context)
        if len(page) < PAGE:
            return found
        after = (page[-1].pool_id, page[-1].value)


async def _about(session: ReadSession, member: Member, context: Context) -> list[Finding]:
    subject = f"member {member.value} of pool {member.pool_id}"
    found = []
    if member.until is not None and member.until < context.now:
        rule = "every reservation expires or converts"
        found.append(_finding(rule, subject, "free or allocated", f"held since {member.until}"))
    holder = await resources.find(session, member.holder or "", context)
    believed = None if holder is None else (holder.get("value"), holder.get("allocationStatus"))
    expected = (member.value, "allocated" if member.state == "allocated" else "reserved")
    if believed != expected:
        rule = "an exclusive resource has one holder that knows it"
        found.append(_finding(rule, subject, str(expected), str(believed or "no such resource")))
    return found


def _finding(rule: str, subject: str, expected: str, found: str) -> Finding:
    return Finding(invariant=2, rule=rule, subject=subject, expected=expected, found=found)
