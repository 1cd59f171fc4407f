"""All invariants of an installation, rule by rule, for one tenant: what `trunkline check` and every story run."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from trunkline.app.redelivery import redelivery_findings
from trunkline.bss.billing.facade import imbalances
from trunkline.bss.usage.facade import conservation
from trunkline.flows.reconcile.chain import chain_findings
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, ReadSession
from trunkline.kernel.finding import Finding
from trunkline.kernel.security.audit_chain import verify_chain
from trunkline.kernel.tmf.integrity import history_findings, trail_findings
from trunkline.kernel.tmf.resource import Resource
from trunkline.oss.resource_inventory.facade import pool_findings

Rule = Callable[[ReadSession, Context], Awaitable[list[Finding]]]


class RuleResult(msgspec.Struct, frozen=True, kw_only=True):
    """One rule and what it found."""

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
    progress: Callable[[str], None] = lambda _: None,
) -> CheckReport:
    """Run every rule for the context's tenant.

    redeliver  how many of the newest events are delivered once more, to see that nothing changes (invariant 13); a
               worker must run for that
    progress   is told which rule begins
    """
    rules: list[tuple[str, str, Rule]] = [
        ("1, 3", "product = service = AAA subscriber", chain_findings),
        ("2", "an exclusive resource has one holder, reservations end", pool_findings),
        ("5", "usage in = rated + free + suspended + rejected", _usage),
        ("4, 6, 8", "each day charged once, bills equal their lines, numbers without gaps", _bills),
        ("12", "a state change has one event, one audit entry, one cause", _each(resources, trail_findings)),
        ("18", "history replays to what was told", _each(resources, history_findings)),
        ("12", "the audit trail is unbroken", _audit),
    ]
    found = []
    for invariants, name, rule in rules:
        progress(name)
        began = time.monotonic()
        async with database.read() as session:
            findings = await rule(session, context)
        found.append(_result(invariants, name, findings, began))
    if redeliver:
        name = f"the newest {redeliver} events, delivered again, change nothing"
        progress(name)
        began = time.monotonic()
        found.append(_result("13", name, await redelivery_findings(database, redeliver, context), began))
    return CheckReport(tenant=context.tenant, rules=found)


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


async def _usage(session: ReadSession, context: Context) -> list[Finding]:
    return [
        Finding(
            invariant=5, rule=found.check, subject=found.scope, expected=str(found.expected), found=str(found.found)
        )
        for found in await conservation(session, context.tenant)
    ]


async def _bills(session: ReadSession, context: Context) -> list[Finding]:
    return [
        Finding(invariant=6, rule=found.check, subject=found.scope, expected=found.expected, found=found.found)
        for found in await imbalances(session, context)
    ]


async def _audit(session: ReadSession, context: Context) -> list[Finding]:
    return [
        Finding(
            invariant=12,
            rule="the audit trail is unbroken",
            subject=problem.subject,
            expected="sealed",
            found=problem.kind,
        )
        for problem in await verify_chain(session, context.tenant)
    ]
