"""The chain product = service = AAA subscriber (invariants 1 and 3), read through the domains' own doors."""

from collections.abc import AsyncIterator
from typing import Any

from trunkline.bss.product_inventory.resources import products
from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.finding import Finding
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.document import decode
from trunkline.kernel.tmf.query import Clause, Query
from trunkline.kernel.tmf.resource import Resource
from trunkline.oss.activation import aaa
from trunkline.oss.service_inventory.facade import characteristic, product_of
from trunkline.oss.service_inventory.resources import services

PAGE = 500
REALISED = "an active technical product has exactly one active realisation"
BELONGS = "an active resource-facing service belongs to an active product"
ENTITLED = "the network lets in just those who are entitled"
TECHNICAL = frozenset({"active", "suspended"})


async def chain_findings(session: ReadSession, context: Context) -> list[Finding]:
    """All differences along the chain, for one tenant."""
    installed = {p["id"]: p async for p in _all(session, products, context, "status", ("active", "suspended"))}
    running = {s["id"]: s async for s in _all(session, services, context, "state", ("active", "suspended"))}
    return [
        *_unrealised(installed, running),
        *_orphans(installed, running),
        *await _entitlement(session, installed, running, context),
    ]


def _unrealised(installed: dict[str, Document], running: dict[str, Document]) -> list[Finding]:
    realising: dict[str, list[str]] = {}
    for service in running.values():
        product_id = product_of(service)
        if product_id:
            realising.setdefault(product_id, []).append(service["id"])
    found = []
    for product in installed.values():
        named = [reference["id"] for reference in product.get("realizingService", ())]
        actual = realising.get(product["id"], [])
        if sorted(named) != sorted(actual) or len(actual) > 1:
            found.append(
                _finding(
                    1,
                    REALISED,
                    f"product {product['id']}",
                    f"service {', '.join(named) or '(none)'}",
                    ", ".join(actual) or "none",
                )
            )
    return found


def _orphans(installed: dict[str, Document], running: dict[str, Document]) -> list[Finding]:
    parent = {
        reference["id"]: service["id"]
        for service in running.values()
        for reference in service.get("supportingService", ())
    }
    found = []
    for service in running.values():
        top = service["id"]
        while top in parent:
            top = parent[top]
        product_id = product_of(running[top])
        if product_id not in installed:
            found.append(
                _finding(
                    1,
                    BELONGS,
                    f"service {service['id']} ({service.get('name')})",
                    "an active product",
                    product_id or "none",
                )
            )
    return found


async def _entitlement(
    session: ReadSession, installed: dict[str, Document], running: dict[str, Document], context: Context
) -> list[Finding]:
    """Who may use the network by his product, against who is let in."""
    parent = {
        reference["id"]: service["id"]
        for service in running.values()
        for reference in service.get("supportingService", ())
    }
    entitled: dict[str, str] = {}
    for service in running.values():
        user_name = characteristic(service, "userName")
        if isinstance(user_name, str):
            top = service["id"]
            while top in parent:
                top = parent[top]
            product = installed.get(product_of(running[top]) or "")
            if product is not None:
                entitled[user_name] = product["status"]
    let_in = {subscriber.user_name: str(subscriber.state) async for subscriber in _subscribers(session, context)}
    pending = await _being_activated(session, context)
    found = []
    for user_name in sorted({*entitled, *let_in} - pending):
        should, does = entitled.get(user_name, "none"), let_in.get(user_name, "none")
        if should != does:
            found.append(_finding(3, ENTITLED, f"AAA subscriber {user_name}", should, does))
    return found


async def _being_activated(session: ReadSession, context: Context) -> set[str]:
    """User names of services that an order is bringing up: let in already for the verification, not yet a product."""
    names = set()
    async for service in _all(session, services, context, "state", ("reserved",)):
        user_name = characteristic(service, "userName")
        if isinstance(user_name, str):
            names.add(user_name)
    return names


async def _subscribers(session: ReadSession, context: Context) -> AsyncIterator[aaa.Subscriber]:
    after = ""
    while True:
        page = await aaa.list_subscribers(session, context, after=after, limit=PAGE)
        for subscriber in page:
            yield subscriber
        if len(page) < PAGE:
            return
        after = page[-1].user_name


async def _all(
    session: ReadSession, resource: Resource[Any], context: Context, attribute: str, states: tuple[str, ...]
) -> AsyncIterator[Document]:
    """All records in one of the states, page by page."""
    after: str | None = None
    while True:
        query = Query(clauses=(Clause(attribute, "eq", states),), limit=PAGE, after=after)
        page = await resource.page(session, query, context)
        for text in page.texts:
            yield decode(text)
        if len(page.ids) < PAGE:
            return
        after = page.ids[-1]


def _finding(invariant: int, rule: str, subject: str, expected: str, found: str) -> Finding:
    return Finding(invariant=invariant, rule=rule, subject=subject, expected=expected, found=found)
