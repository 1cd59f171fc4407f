"""All invariants of an installation, rule by rule, for one tenant: what `trunkline check` and every story run."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from trunkline.app.redelivery import redelivery_findings
from trunkline.bss.billing.facade import billing_findings
from trunkline.bss.usage.facade import usage_findings
from trunkline.flows.reconcile.chain import chain_findings
from trunkline.flows.reconcile.entitlement import entitlement_findings
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, ReadSession
from trunkline.kernel.finding import Finding
from trunkline.kernel.security.audit_chain import verify_chain
from trunkline.kernel.tmf.crossing import unresolved
from trunkline.kernel.tmf.integrity import history_findings, trail_findings
from trunkline.kernel.tmf.resource import Resource
from trunkline.oss.resource_inventory.facade import pool_findings

SECOND_LOOK_S = 2.0
UNRESOLVED_FOR = timedelta(minutes=10)
"""A reference to the other half may be this much ahead of the event that tells of its target."""
FINDINGS_MAX = 100
Rule = Callable[[ReadSession, Context], Awaitable[list[Finding]]]


class RuleResult(msgspec.Struct, frozen=True, kw_only=True):
    """One rule and what it found; `invariants` are the numbers of those it stands for."""

    invariants: str
    rule: str
    findings: list[Finding]
    seconds: str


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """All rules, in order."""

    tenant: str
    rules: list[RuleResult]

    @property
    def findings(self) -> list[Finding]:
        """Everything that was found."""
        return [finding for rule in self.rules for finding in rule.findings]


async def run_checks(
    database: Database,
    resources: Sequence[Resource[Any]],
    context: Context,
    *,
    redeliver: int = 0,
    second_look_s: float = SECOND_LOOK_S,
    progress: Callable[[str], None] = lambda _: None,
) -> CheckReport:
    """Run every rule for the context's tenant.

    redeliver      how many of the newest events are delivered once more, to see that nothing changes (invariant 13); a
                   worker must run for that
    second_look_s  after how many seconds a rule that found something looks again. Only what it finds both times is a
                   finding: in an installation at work one half may be just ahead of the other
    progress       is told which rule begins
    Raises Conflict when events are to be delivered again while others change the installation.
    """
    rules: list[tuple[str, str, Rule]] = [
        ("1", "product = service", chain_findings),
        ("3", "product = AAA subscriber", entitlement_findings),
        ("2", "an exclusive resource has one holder, reservations end", pool_findings),
        ("5", "usage in = rated + free + suspended + rejected", usage_findings),
        ("4, 5, 6, 8", "each day charged once, usage on its line, bills equal their lines, no gaps", billing_findings),
        ("1", "what is named in the other half is known there", _crossings),
        ("12", "a state change has one event, one audit entry, one cause", _each(resources, trail_findings)),
        ("18", "history replays to what was told", _each(resources, history_findings)),
        ("12", "the audit trail is unbroken", _audit),
    ]
    found = []
    for invariants, name, rule in rules:
        progress(name)
        began = time.monotonic()
        findings = await _look(database, rule, context)
        if findings:
            await asyncio.sleep(second_look_s)
            seen = {(finding.rule, finding.subject) for finding in findings}
            again = await _look(database, rule, context)
            findings = [finding for finding in again if (finding.rule, finding.subject) in seen]
        found.append(_result(invariants, name, findings, began))
    if redeliver:
        name = f"the newest {redeliver} events, delivered again, change nothing"
        progress(name)
        began = time.monotonic()
        found.append(_result("13", name, await redelivery_findings(database, redeliver, context), began))
    return CheckReport(tenant=context.tenant, rules=found)


async def _look(database: Database, rule: Rule, context: Context) -> list[Finding]:
    async with database.read() as session:
        return await rule(session, context)


def _result(invariants: str, name: str, findings: list[Finding], began: float) -> RuleResult:
    return RuleResult(invariants=invariants, rule=name, findings=findings, seconds=f"{time.monotonic() - began:.2f}")


def _each(
    resources: Sequence[Resource[Any]], check: Callable[[ReadSession, Resource[Any], Context], Awaitable[list[Finding]]]
) -> Rule:
    async def run(session: ReadSession, context: Context) -> list[Finding]:
        return [
            finding
            for resource in resources
            if resource.writable
            for finding in await check(session, resource, context)
        ]

    return run


async def _crossings(session: ReadSession, context: Context) -> list[Finding]:
    return [
        Finding(
            invariant=1,
            rule="what is named in the other half is known there",
            subject=f"{reference.resource} {reference.id}",
            expected=f"{' or '.join(reference.targets)} {reference.target_id} at {reference.path}",
            found=f"not known since {reference.since}",
        )
        for reference in await unresolved(session, context, until=context.now - UNRESOLVED_FOR, limit=FINDINGS_MAX)
    ]


async def _audit(session: ReadSession, context: Context) -> list[Finding]:
    return [
        Finding(
            invariant=12,
            rule="the audit trail is unbroken",
            subject=problem.subject,
            expected="as it was written",
            found=f"{problem.kind}: {problem.text}",
        )
        for problem in await verify_chain(session, context.tenant)
    ]
