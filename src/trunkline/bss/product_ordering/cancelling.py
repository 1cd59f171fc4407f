"""Cancelling product orders (TMF622 cancelProductOrder), and how an order moves to where its items have brought it."""

from collections.abc import Sequence
from typing import Any

from trunkline.bss.product_inventory.resources import products
from trunkline.bss.product_ordering.contracts import CANCEL_REQUESTED
from trunkline.bss.product_ordering.model import ENDED, order_state, with_item_states
from trunkline.bss.product_ordering.resources import LIFE_CYCLE, cancel_product_orders, product_orders
from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.errors import Conflict
from trunkline.kernel.events.event import event
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.normalise import instant_text

CANCELLING = frozenset({"assessingCancellation", "pendingCancellation"})


@cancel_product_orders.after_create
async def request_cancellation(uow: UnitOfWork, task: Document, context: Context) -> None:
    """Take up a cancelProductOrder task: an order not yet begun is cancelled at once; of a running one the flows ask
    whether it can still be taken back (assessingCancellation). Raises Conflict for an order that has ended.
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
        await _close(uow, [task], "done", context)
        return
    if order["state"] not in CANCELLING:
        await product_orders.move(uow, order["id"], "assessingCancellation", context)
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


async def cancellation_accepted(uow: UnitOfWork, order_id: str, context: Context) -> None:
    """The network takes the order back: it is pendingCancellation, and its tasks are in progress. Repeatable."""
    order = await product_orders.lock(uow, order_id, context)
    if order["state"] in ENDED:
        return
    await _move(
        uow, order, "pendingCancellation", context, productOrderItem=with_item_states(order, "pendingCancellation")
    )
    for task in await _tasks(uow, order_id, ("acknowledged",), context):
        await cancel_product_orders.move(uow, task["id"], "inProgress", context)


async def cancellation_refused(uow: UnitOfWork, order_id: str, error: Document, context: Context) -> None:
    """The order is past its point of no return: it goes on as before; its tasks are rejected, with the reason. Repeatable.

    error  code, reason and what to do instead, as an error message of TMF622
    """
    order = await product_orders.lock(uow, order_id, context)
    if order["state"] == "assessingCancellation":
        order = await product_orders.move(uow, order_id, "inProgress", context)
        await settle(uow, order, order["productOrderItem"], context)
    await _close(uow, await _tasks(uow, order_id, ("acknowledged",), context), "rejected", context, errorMessage=error)


async def cancelled(uow: UnitOfWork, order_id: str, context: Context) -> None:
    """The network has taken everything back: order and products are cancelled, waiting tasks done. Repeatable."""
    order = await product_orders.lock(uow, order_id, context)
    if order["state"] in ENDED:
        return
    for item in order["productOrderItem"]:
        if item["action"] == "add" and item["state"] not in ENDED and "id" in item.get("product", {}):
            await products.move(uow, item["product"]["id"], "cancelled", context)
    tasks = await _tasks(uow, order_id, ("acknowledged", "inProgress"), context)
    if order["state"] != "pendingCancellation":
        order = await _move(uow, order, "pendingCancellation", context)
    attributes = _cancelled(order, tasks[0] if tasks else {}, context)
    await product_orders.move(uow, order_id, "cancelled", context, **attributes)
    await _close(uow, tasks, "done", context)


async def settle(
    uow: UnitOfWork, order: Document, items: Sequence[Document], context: Context, **attributes: Any
) -> Document:
    """Store the items and move the order to the state that they come to. While it is assessed whether it can be cancelled,
    or it is taken back, it stays so, until its items have ended."""
    state = order_state(items)
    if order["state"] in CANCELLING and state not in ENDED:
        state = order["state"]
    return await _move(uow, order, state, context, productOrderItem=list(items), **attributes)


async def _move(uow: UnitOfWork, order: Document, state: str, context: Context, **attributes: Any) -> Document:
    """Move the order, through inProgress where TMF622 has no direct way."""
    if state != order["state"] and state not in LIFE_CYCLE.moves[order["state"]]:
        await product_orders.move(uow, order["id"], "inProgress", context)
    return await product_orders.move(uow, order["id"], state, context, **attributes)


async def _tasks(uow: UnitOfWork, order_id: str, states: tuple[str, ...], context: Context) -> list[Document]:
    wanted = {"productOrder.id": order_id, "state": list(states)}
    return await cancel_product_orders.select(uow, context, wanted)


async def _close(uow: UnitOfWork, tasks: Sequence[Document], state: str, context: Context, **attributes: Any) -> None:
    if state == "done":
        attributes["effectiveCancellationDate"] = instant_text(context.now)
    for task in tasks:
        await cancel_product_orders.move(uow, task["id"], state, context, **attributes)


def _cancelled(order: Document, task: Document, context: Context) -> Document:
    return {
        "cancellationDate": instant_text(context.now),
        "cancellationReason": task.get("cancellationReason", "Asked for by the customer"),
        "productOrderItem": with_item_states(order, "cancelled"),
    }
