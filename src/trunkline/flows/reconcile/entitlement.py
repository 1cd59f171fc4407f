"""Entitlement = network state (invariant 3): who may use the network by his product, against whom AAA lets in."""

from collections.abc import AsyncIterator

from trunkline.flows.reconcile.chain import FINDINGS_MAX, RUNNING, product_states, products_above
from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.finding import Finding
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.page import scan
from trunkline.kernel.tmf.query import Clause
from trunkline.oss.activation import aaa
from trunkline.oss.service_inventory.facade import characteristic
from trunkline.oss.service_inventory.resources import services

PAGE = 500
ENTITLED = "the network lets in just those who are entitled"
KNOWN = Clause("state", "eq", ("active", "suspended", "reserved"))
"""A reserved service is being brought up: its subscriber is let in already, for the verification."""


async def entitlement_findings(session: ReadSession, context: Context) -> list[Finding]:
    """Subscribers that the network treats otherwise than their product says; at most a hundred each way."""
    found: list[Finding] = []
    for asked in (_entitled, _strangers):
        part: list[Finding] = []
        async for findings in asked(session, context):
            part += findings
            if len(part) >= FINDINGS_MAX:
                break
        found += part[:FINDINGS_MAX]
    return found


async def _entitled(session: ReadSession, context: Context) -> AsyncIterator[list[Finding]]:
    """From the running services with a user name: is he let in just as his product says?"""
    async for page in scan(session, services, (RUNNING,), context, size=PAGE):
        named = {service["id"]: name for service in page if (name := _user_name(service))}
        above = await products_above(session, [service for service in page if service["id"] in named], context)
        states = await product_states(session, {id_ for id_ in above.values() if id_}, context)
        let_in = await aaa.subscribers_named(session, sorted(named.values()), context)
        findings = []
        for service_id, name in named.items():
            should = states.get(above[service_id] or "", "none")
            does = str(let_in[name].state) if name in let_in else "none"
            if should != does:
                findings.append(_finding(name, should, does))
        yield findings


async def _strangers(session: ReadSession, context: Context) -> AsyncIterator[list[Finding]]:
    """From those whom the network lets in: is there a service that has just that user name?"""
    after = ""
    while page := await aaa.list_subscribers(session, context, after=after, limit=PAGE):
        ids = tuple(sorted({subscriber.service_id for subscriber in page}))
        names: dict[str, str | None] = {}
        async for found in scan(session, services, (Clause("id", "eq", ids), KNOWN), context):
            names |= {service["id"]: _user_name(service) for service in found}
        yield [
            _finding(subscriber.user_name, "none", str(subscriber.state))
            for subscriber in page
            if names.get(subscriber.service_id) != subscriber.user_name
        ]
        after = page[-1].user_name


def _user_name(service: Document) -> str | None:
    name = characteristic(service, "userName")
    return name if isinstance(name, str) else None


def _finding(user_name: str, expected: str, found: str) -> Finding:
    return Finding(invariant=3, rule=ENTITLED, subject=f"AAA subscriber {user_name}", expected=expected, found=found)
