"""Questions about the chain product → CFS → RFS → resources."""

from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.tmf import Document
from trunkline.oss.service_inventory.resources import services

PRODUCT_ROLE = "product"


def product_of(service: Document) -> str | None:
    """The id of the product that a service realises, from `relatedEntity` with role product."""
    for related in service.get("relatedEntity", ()):
        if related.get("role") == PRODUCT_ROLE:
            entity = related.get("entity", related)
            found: str | None = entity.get("id")
            return found
    return None


def characteristic(document: Document, name: str, attribute: str = "serviceCharacteristic") -> object:
    """The value of a named characteristic, or None."""
    for item in document.get(attribute, ()):
        if item.get("name") == name:
            value: object = item.get("value")
            return value
    return None


async def realizing_services(session: ReadSession, service: Document, context: Context) -> list[Document]:
    """All services below a service, top down."""
    found: list[Document] = []
    waiting = [reference["id"] for reference in service.get("supportingService", ())]
    while waiting:
        below = await services.get(session, waiting.pop(0), context)
        found.append(below)
        waiting += [reference["id"] for reference in below.get("supportingService", ())]
    return found
