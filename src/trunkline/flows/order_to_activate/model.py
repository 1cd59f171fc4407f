"""Pure mapping between the two halves' orders."""

from collections.abc import Mapping
from datetime import datetime

from trunkline.bss.product_ordering.contracts import Activated
from trunkline.kernel.tmf import Document

PRODUCT_ROLE = "product"
PRODUCT_ORDER = "productOrder"


def to_service_order(order: Document, service_specifications: Mapping[str, Document | None]) -> Document | None:
    """The service order (TMF641) that realises a product order, or None when no item needs the network.

    order                   TMF622 order, begun: its `add` items name their products
    service_specifications  order item id → TMF633 reference that realises the item's product, None for a product that
                            is purely commercial
    """
    items = [
        _item(item, reference)
        for item in order["productOrderItem"]
        if item["action"] == "add" and (reference := service_specifications.get(item["id"])) is not None
    ]
    if not items:
        return None
    return {
        "@type": "ServiceOrder",
        "externalIdentifier": [
            {
                "@type": "ExternalIdentifier",
                "owner": "trunkline",
                "externalIdentifierType": PRODUCT_ORDER,
                "id": order["id"],
            }
        ],
        "category": order.get("category", "product order"),
        "description": f"Realises product order {order['id']}",
        "serviceOrderItem": items,
    }


def _item(item: Document, reference: Document) -> Document:
    product = item.get("product", {})
    service: Document = {
        "@type": "Service",
        "serviceSpecification": reference,
        "serviceCharacteristic": product.get("productCharacteristic", []),
        "relatedEntity": [
            {
                "@type": "RelatedEntityRefOrValue",
                "role": PRODUCT_ROLE,
                "entity": {"@type": "EntityRef", "id": product["id"], "@referredType": "Product"},
            }
        ],
    }
    if "place" in product:
        service["place"] = product["place"]
    return {"@type": "ServiceOrderItem", "id": item["id"], "action": "add", "service": service}


def product_order_id(service_order: Document) -> str | None:
    """The id of the product order that a service order realises, or None for one that came from elsewhere."""
    for identifier in service_order.get("externalIdentifier", ()):
        if identifier.get("externalIdentifierType") == PRODUCT_ORDER:
            found: str = identifier["id"]
            return found
    return None


def to_activated(payload: Document) -> Activated:
    """What the network's event says, for the commercial order."""
    return Activated(
        activated_at=datetime.fromisoformat(payload["activatedAt"]), services=dict(payload.get("services", {}))
    )


def metered_product(products: list[Document]) -> Document | None:
    """The product on which an access line's usage counts: the first with a usage price, else the first of all."""
    for product in products:
        if any(price.get("priceType") == "usage" for price in product.get("productPrice", ())):
            return product
    return products[0] if products else None
