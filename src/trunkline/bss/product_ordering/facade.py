"""Commands on product orders that the flows give: start, activated, follow; cancelling is in `cancelling`."""

from trunkline.bss.product_catalog.resources import product_offerings
from trunkline.bss.product_inventory.resources import products
from trunkline.bss.product_ordering.cancelling import (
    cancellation_accepted,
    cancellation_refused,
    cancelled,
    settle,
)
from trunkline.bss.product_ordering.contracts import Activated, Progress
from trunkline.bss.product_ordering.model import ENDED, MESSAGES_MAX, order_state, product_of, with_states
from trunkline.bss.product_ordering.resources import product_orders
from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.normalise import instant_text

__all__ = ["activated", "cancellation_accepted", "cancellation_refused", "cancelled", "follow", "start"]


async def start(uow: UnitOfWork, order_id: str, context: Context) -> Document:
    """Begin an acknowledged order: its products come into being (pendingActive), the order is inProgress.

    Repeating the call changes nothing. Events: ProductCreateEvent and ProductStateChangeEvent each,
    ProductOrderStateChangeEvent.
    """
    order = await product_orders.lock(uow, order_id, context)
    if order["state"] != "acknowledged":
        return order
    items = []
    for item in order["productOrderItem"]:
        started = {**item, "state": "inProgress"}
        if item["action"] == "add":
            product = await _product(uow, order, item, context)
            started["product"] = {
                **item.get("product", {"@type": "Product"}),
                "id": product["id"],
                "href": product["href"],
            }
        items.append(started)
    return await product_orders.move(uow, order_id, "inProgress", context, productOrderItem=items)


async def activated(uow: UnitOfWork, order_id: str, found: Activated, context: Context) -> Document:
    """The network has activated items of the order: their products are active since that very instant. With the last item
    the order is completed, or partial where others have failed.

    Repeating the call changes nothing. Events: ProductStateChangeEvent each, ProductOrderStateChangeEvent.
    """
    order = await product_orders.lock(uow, order_id, context)
    if order["state"] in ENDED:
        return order
    since = instant_text(found.activated_at)
    for item in order["productOrderItem"]:
        if item["action"] == "add" and item["id"] in found.services and item["state"] not in ENDED:
            service = found.services[item["id"]]
            realizing = {"realizingService": [{"@type": "ServiceRef", "id": service}]} if service else {}
            await products.move(uow, item["product"]["id"], "active", context, startDate=since, **realizing)
    items = with_states(order, dict.fromkeys(found.services, "completed"))
    done = {"completionDate": since} if order_state(items) in ("completed", "partial") else {}
    return await settle(uow, order, items, context, **done)


async def follow(uow: UnitOfWork, order_id: str, progress: Progress, context: Context) -> None:
    """Items go on, are held or have failed on the network: so has the order; the product of a failed item is aborted, and
    the reason stands in `productOrderErrorMessage`. Repeatable; an order that has ended stays.

    Events: ProductStateChangeEvent for each failed item, ProductOrderStateChangeEvent or …AttributeValueChangeEvent.
    """
    order = await product_orders.lock(uow, order_id, context)
    if order["state"] in ENDED:
        return
    for item in order["productOrderItem"]:
        failed = progress.states.get(item["id"]) == "failed" and item["state"] not in ENDED
        if failed and "id" in item.get("product", {}):
            await products.move(uow, item["product"]["id"], "aborted", context)
    known = order.get("productOrderErrorMessage", [])
    told = [*known, *(message for message in progress.messages if message not in known)][-MESSAGES_MAX:]
    reasons = {"productOrderErrorMessage": told} if told else {}
    await settle(uow, order, with_states(order, progress.states), context, **reasons)


async def _product(uow: UnitOfWork, order: Document, item: Document, context: Context) -> Document:
    product = product_of(order, item, instant_text(context.now))
    if "productSpecification" not in product:
        offering = await product_offerings.get(uow, item["productOffering"]["id"], context)
        if "productSpecification" in offering:
            product["productSpecification"] = offering["productSpecification"]
    created = await products.create(uow, product, context)
    return await products.move(uow, created["id"], "pendingActive", context)
