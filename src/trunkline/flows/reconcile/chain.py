"""The chain product = service (invariant 1), read through the domains' own doors, one page at a time."""

from collections.abc import AsyncIterator
from typing import Any

from trunkline.bss.product_catalog.resources import product_offerings, product_specifications
from trunkline.bss.product_inventory.resources import products
from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.finding import Finding
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.page import referring, scan
from trunkline.kernel.tmf.query import Clause
from trunkline.kernel.tmf.resource import Resource
from trunkline.oss.service_inventory.facade import product_of
from trunkline.oss.service_inventory.resources import services

PAGE = 500
FINDINGS_MAX = 100
DEPTH_MAX = 20
"""How many services may stand above one another; a ring ends here."""
REALISED = "an active technical product has exactly one active realisation"
BELONGS = "an active resource-facing service belongs to an active product"
INSTALLED = Clause("status", "eq", ("active", "suspended"))
RUNNING = Clause("state", "eq", ("active", "suspended"))


async def chain_findings(session: ReadSession, context: Context) -> list[Finding]:
    """Products without just the one service that realises them, and services without a product; at most a hundred each."""
    found: list[Finding] = []
    for asked in (_unrealised, _orphans):
        part: list[Finding] = []
        async for findings in asked(session, context):
            part += findings
            if len(part) >= FINDINGS_MAX:
                break
        found += part[:FINDINGS_MAX]
    return found


async def products_above(session: ReadSession, running: list[Document], context: Context) -> dict[str, str | None]:
    """Service id → id of the product that it, or the nearest running service above it, realises; None without one."""
    found: dict[str, str | None] = {}
    below = {service["id"]: [service["id"]] for service in running}  # service → those of `running` that it carries
    level = running
    for _ in range(DEPTH_MAX):
        for service in level:
            product_id = product_of(service)
            if product_id is not None:
                found |= dict.fromkeys(below.pop(service["id"]), product_id)
        if not below:
            break
        parents: dict[str, list[str]] = {}
        level = []
        upwards = Clause("supportingService.id", "eq", tuple(below))
        for parent in await referring(session, services, upwards, context, (RUNNING,)):
            carried = [
                leaf for reference in parent.get("supportingService", ()) for leaf in below.pop(reference["id"], ())
            ]
            if carried:
                parents[parent["id"]] = carried
                level.append(parent)
        below = parents
        if not level:
            break
    return {service["id"]: found.get(service["id"]) for service in running}


async def product_states(session: ReadSession, ids: set[str], context: Context) -> dict[str, str]:
    """Product id → its status, of those that are active or suspended."""
    found: dict[str, str] = {}
    if ids:
        async for page in scan(session, products, (Clause("id", "eq", tuple(sorted(ids))), INSTALLED), context):
            found |= {product["id"]: str(product["status"]) for product in page}
    return found


async def _unrealised(session: ReadSession, context: Context) -> AsyncIterator[list[Finding]]:
    technical: dict[str | None, bool] = {}
    async for page in scan(session, products, (INSTALLED,), context, size=PAGE):
        realising: dict[str, list[str]] = {product["id"]: [] for product in page}
        realises = Clause("relatedEntity.entity.id", "eq", tuple(realising))
        for service in await referring(session, services, realises, context, (RUNNING,)):
            product_id = product_of(service)
            if product_id in realising:
                realising[product_id].append(service["id"])
        findings = []
        for product in page:
            offering_id = product.get("productOffering", {}).get("id")
            if offering_id not in technical:
                technical[offering_id] = await _is_technical(session, offering_id, context)
            findings += _realisation(product, realising[product["id"]], technical=technical[offering_id])
        yield findings


async def _is_technical(session: ReadSession, offering_id: str | None, context: Context) -> bool:
    """Whether a service must realise the offering's products, by the product catalog."""
    offering = await _find(session, product_offerings, offering_id, context)
    specification_id = offering.get("productSpecification", {}).get("id")
    specification = await _find(session, product_specifications, specification_id, context)
    return bool(specification.get("serviceSpecification"))


async def _find(session: ReadSession, resource: Resource[Any], id_: str | None, context: Context) -> Document:
    return (await resource.find(session, id_, context) if id_ else None) or {}


def _realisation(product: Document, actual: list[str], *, technical: bool) -> list[Finding]:
    """What is wrong between a product and the services that say that they realise it."""
    named = sorted(reference["id"] for reference in product.get("realizingService", ()))
    if named == sorted(actual) and len(actual) == (1 if technical or actual else 0):
        return []
    expected = f"service {', '.join(named)}" if named else "one service" if technical else "no service"
    return [_finding(REALISED, f"product {product['id']}", expected, ", ".join(sorted(actual)) or "none")]


async def _orphans(session: ReadSession, context: Context) -> AsyncIterator[list[Finding]]:
    async for page in scan(session, services, (RUNNING,), context, size=PAGE):
        above = await products_above(session, page, context)
        states = await product_states(session, {id_ for id_ in above.values() if id_}, context)
        yield [
            _finding(
                BELONGS,
                f"service {service['id']} ({service.get('name')})",
                "an active product",
                f"product {above[service['id']]}, which is not active" if above[service["id"]] else "no product",
            )
            for service in page
            if above[service["id"]] not in states
        ]


def _finding(rule: str, subject: str, expected: str, found: str) -> Finding:
    return Finding(invariant=1, rule=rule, subject=subject, expected=expected, found=found)
