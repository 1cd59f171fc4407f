"""Commands on product orders that the flows give: start, complete, fail, cancel."""

from trunkline.bss.product_catalog.resources import product_offerings
from trunkline.bss.product_inventory.resources import products
from trunkline.bss.product_ordering.contracts import CANCEL_REQUESTED, Activated
from trunkline.bss.product_ordering.model import product_of, with_item_states
from trunkline.bss.product_ordering.resources import cancel_product_orders, product_orders
from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.errors import Conflict
from trunkline.kernel.events.event import event
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.normalise import instant_text

STARTED = frozenset({"inProgress", "held", "pending", "assessingCancellation", "pendingCancellation"})
ENDED = frozenset({"completed", "cancelled", "failed", "rejected", "partial"})


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


async def complete(uow: UnitOfWork, order_id: str, activated: Activated, context: Context) -> Document:
    """The network has activated the order: its products are active since that very instant, the order is completed.

    Repeating the call changes nothing. Events: ProductStateChangeEvent each, ProductOrderStateChangeEvent.
    """
    order = await product_orders.lock(uow, order_id, context)
    if order["state"] in ENDED:
        return order
    since = instant_text(activated.activated_at)
    for item in order["productOrderItem"]:
        if item["action"] == "add":
            service = activated.services.get(item["id"])
            realizing = {"realizingService": [{"@type": "ServiceRef", "id": service}]} if service else {}
            await products.move(uow, item["product"]["id"], "active", context, startDate=since, **realizing)
    return await product_orders.move(
        uow,
        order_id,
        "completed",
        context,
        completionDate=since,
        productOrderItem=with_item_states(order, "completed"),
    )


@cancel_product_orders.after_create
async def request_cancellation(uow: UnitOfWork, task: Document, context: Context) -> None:
    """Take up a cancelProductOrder task: an order not yet begun is cancelled at once, a running one is handed to the
    flows (pendingCancellation). Raises Conflict for an order that has ended.
    """
    order = await product_orders.lock(uow, task["productOrder"]["id"], context)
    if order["state"] in ENDED:
        raise Conflict(
            "orderEnded",
            f"The order is {order['state']}; it cannot be cancelled.",
            message="Nothing was changed. Order the product's termination instead.",
            path="$.productOrder.id",
        )
    if order["state"] in ("draft", "acknowledged"):
        await product_orders.move(uow, order["id"], "cancelled", context, **_cancelled(order, task, context))
        await cancel_product_orders.move(
            uow, task["id"], "done", context, effectiveCancellationDate=instant_text(context.now)
        )
        return
    if order["state"] != "pendingCancellation":
        await product_orders.move(uow, order["id"], "pendingCancellation", context)
    await cancel_product_orders.move(uow, task["id"], "inProgress", context)
    uow.publish(
        event(
            context,
            CANCEL_REQUESTED,
            source="product_ordering",
            resource="productOrder",
            resource_id=order["id"],
            payload={"taskId": task["id"], "reason": task.get("cancellationReason", "")},
        )
    )


async def cancelled(uow: UnitOfWork, order_id: str, context: Context) -> None:
    """The network has taken everything back: order and products are cancelled, waiting tasks done. Repeatable."""
    order = await product_orders.lock(uow, order_id, context)
    if order["state"] in ENDED:
        return
    for item in order["productOrderItem"]:
        if item["action"] == "add" and "id" in item.get("product", {}):
            await products.move(uow, item["product"]["id"], "cancelled", context)
    tasks = await cancel_product_orders.select(uow, context, {"productOrder.id": order_id, "state": "inProgress"})
    await product_orders.move(
        uow, order_id, "cancelled", context, **_cancelled(order, tasks[0] if tasks else {}, context)
    )
    for task in tasks:
        await cancel_product_orders.move(
            uow, task["id"], "done", context, effectiveCancellationDate=instant_text(context.now)
        )


async def fail(uow: UnitOfWork, order_id: str, reason: str, context: Context) -> None:
    """The network could not do it and nobody mends it: the order has failed, with the reason. Repeatable."""
    order = await product_orders.lock(uow, order_id, context)
    if order["state"] in ENDED:
        return
    message = {"@type": "ProductOrderErrorMessage", "code": "fulfilmentFailed", "reason": reason}
    await product_orders.move(
        uow,
        order_id,
        "failed",
        context,
        productOrderItem=with_item_states(order, "failed"),
        productOrderErrorMessage=[message],
    )


def _cancelled(order: Document, task: Document, context: Context) -> Document:
    return {
        "cancellationDate": instant_text(context.now),
        "cancellationReason": task.get("cancellationReason", "Asked for by the customer"),
        "productOrderItem": with_item_states(order, "cancelled"),
    }


async def _product(uow: UnitOfWork, order: Document, item: Document, context: Context) -> Document:
    product = product_of(order, item, instant_text(context.now))
    if "productSpecification" not in product:
        offering = await product_offerings.get(uow, item["productOffering"]["id"], context)
        if "productSpecification" in offering:
            product["productSpecification"] = offering["productSpecification"]
    created = await products.create(uow, product, context)
    return await products.move(uow, created["id"], "pendingActive", context)
