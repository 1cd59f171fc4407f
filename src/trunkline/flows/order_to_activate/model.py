"""Pure mapping between the two halves' orders."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from trunkline.bss.product_ordering.contracts import Activated, Progress
from trunkline.kernel.tmf import Document

PRODUCT_ROLE = "product"
PRODUCT_ORDER = "productOrder"
FOLLOWED = frozenset({"inProgress", "held", "failed"})
"""Item states that the commercial order takes over as they are."""


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


def to_activated(payload: Document, order: Document) -> Activated:
    """What the network's event about one item says, for the commercial order: with the item begin those that are purely
    commercial and need no other item, or this one."""
    item_id = payload["itemId"]
    services: dict[str, str | None] = {item_id: payload["serviceId"]}
    for item in order["productOrderItem"]:
        if item_id in _lines_of(item, payload["itemIds"]) and item["id"] != item_id:
            services[item["id"]] = None
    return Activated(activated_at=datetime.fromisoformat(payload["activatedAt"]), services=services)


def to_progress(service_order: Document, order: Document) -> Progress:
    """How the commercial items fare by a service order: realised ones as their service's item; a purely commercial one has
    failed when all the lines it needs have. What is completed is told by another event, with its instant."""
    reported = {item["id"]: item["state"] for item in service_order["serviceOrderItem"]}
    states: dict[str, str] = {}
    for item in order["productOrderItem"]:
        lines = {reported[line] for line in _lines_of(item, list(reported))}
        if item["id"] in reported and reported[item["id"]] in FOLLOWED:
            states[item["id"]] = reported[item["id"]]
        elif item["id"] not in reported and lines == {"failed"}:
            states[item["id"]] = "failed"
    return Progress(states=states, messages=to_messages(service_order, order["id"]))


def to_messages(service_order: Document, order_id: str) -> tuple[Document, ...]:
    """The service order's error messages as those of its product order."""
    return tuple(
        {
            "@type": "ProductOrderErrorMessage",
            **{name: message[name] for name in ("code", "reason", "message", "timestamp") if name in message},
            "productOrderItem": [
                {
                    "@type": "ProductOrderItemRef",
                    "productOrderId": order_id,
                    "productOrderItemId": reference["itemId"],
                }
                for reference in message.get("serviceOrderItem", ())
            ],
        }
        for message in service_order.get("errorMessage", ())
    )


def _lines_of(item: Document, lines: Sequence[str]) -> list[str]:
    """The items on the network that a commercial item belongs to: itself, those it names as related, or any."""
    if item["action"] != "add" or item["id"] in lines:
        return [item["id"]] if item["id"] in lines else []
    named = [relation.get("id") for relation in item.get("productOrderItemRelationship", ())]
    return [line for line in lines if line in named] or list(lines)


def products_of(products: list[Document], activated: Activated) -> list[Document]:
    """The products that became active together, the line's own first."""
    return sorted(
        (product for product in products if _item_of(product) in activated.services),
        key=lambda product: activated.services[_item_of(product)] is None,
    )


def _item_of(product: Document) -> str:
    found: str = product["productOrderItem"][0]["orderItemId"]
    return found


def metered_product(products: list[Document]) -> Document | None:
    """The product on which an access line's usage counts: the first with a usage price, else the first of all."""
    for product in products:
        if any(price.get("priceType") == "usage" for price in product.get("productPrice", ())):
            return product
    return products[0] if products else None
