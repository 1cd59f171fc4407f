"""Questions about who holds what: the inventory and the pools, compared (invariant 2)."""

from datetime import timedelta

from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.finding import Finding
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.page import scan
from trunkline.kernel.tmf.query import Clause
from trunkline.oss.resource_inventory.resources import resources
from trunkline.oss.resource_pool.contracts import Member
from trunkline.oss.resource_pool.facade import held_members, members_of

PAGE = 500
FINDINGS_MAX = 100
ONE_HOLDER = "an exclusive resource has one holder that knows it"
EXPIRES = "every reservation expires or converts"
FREED_WITHIN = timedelta(minutes=1)
"""Reservations are freed by a worker that looks every half minute."""
HELD = Clause("allocationStatus", "eq", ("allocated", "reserved"))


async def pool_findings(session: ReadSession, context: Context) -> list[Finding]:
    """Members held by nobody that is known, overdue reservations, and resources that believe to hold what they do not;
    about a hundred at most."""
    return [*await _members(session, context), *await _believers(session, context)]


async def _members(session: ReadSession, context: Context) -> list[Finding]:
    """From the pools: is each member's holder there, and does it hold just that?"""
    found: list[Finding] = []
    after = ("", "")
    while len(found) < FINDINGS_MAX:
        page = await held_members(session, context, after=after, limit=PAGE)
        holders: dict[str, Document] = {}
        ids = tuple({member.holder for member in page if member.holder})
        async for known in scan(session, resources, (Clause("id", "eq", ids),), context):
            holders |= {resource["id"]: resource for resource in known}
        for member in page:
            found += _about(member, holders.get(member.holder or ""), context)
        if len(page) < PAGE:
            break
        after = (page[-1].pool_id, page[-1].value)
    return found[:FINDINGS_MAX]


def _about(member: Member, holder: Document | None, context: Context) -> list[Finding]:
    subject = f"member {member.value} of pool {member.pool_id}"
    found = []
    if member.until is not None and member.until < context.now - FREED_WITHIN:
        found.append(_finding(EXPIRES, subject, "free or allocated", f"reserved until {member.until}"))
    expected = f"{member.value}, {member.state}"
    believed = "no such resource" if holder is None else f"{holder.get('value')}, {holder.get('allocationStatus')}"
    if believed != expected:
        found.append(_finding(ONE_HOLDER, subject, f"resource {member.holder}: {expected}", believed))
    return found


async def _believers(session: ReadSession, context: Context) -> list[Finding]:
    """From the inventory: does each resource out of a pool hold something there?"""
    found: list[Finding] = []
    async for page in scan(session, resources, (HELD,), context, size=PAGE):
        pooled = [resource for resource in page if "pool" in resource]
        holding = {(m.holder, m.pool_id) for m in await members_of(session, [r["id"] for r in pooled], context)}
        found += [
            _finding(
                ONE_HOLDER,
                f"resource {resource['id']} ({resource.get('name')})",
                f"held in pool {resource['pool']['id']}",
                f"{resource.get('value')}, {resource['allocationStatus']}, but not its holder",
            )
            for resource in pooled
            if (resource["id"], resource["pool"]["id"]) not in holding
        ]
        if len(found) >= FINDINGS_MAX:
            break
    return found[:FINDINGS_MAX]


def _finding(rule: str, subject: str, expected: str, found: str) -> Finding:
    return Finding(invariant=2, rule=rule, subject=subject, expected=expected, found=found)
