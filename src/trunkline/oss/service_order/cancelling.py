"""Cancelling a service order that is under way: up to the point of no return, all that was done is taken back."""

from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.errors import Conflict
from trunkline.kernel.plans import cancel_plan
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.normalise import instant_text
from trunkline.oss.service_inventory.resources import services
from trunkline.oss.service_order.model.state import ENDED
from trunkline.oss.service_order.resources import cancel_service_orders, service_orders


async def cancel(uow: UnitOfWork, order_id: str, reason: str, context: Context) -> Document:
    """Stop the order and take back what was done, in reverse. Ends in `cancelled` when the plan has compensated.

    Repeatable. Raises Conflict for an order that has ended, and for one past its point of no return: an item of it is
    active already.
    """
    order = await service_orders.lock(uow, order_id, context)
    if order["state"] in ("cancelled", "pendingCancellation"):
        return order
    if order["state"] in ENDED:
        raise Conflict("orderEnded", f"Service order {order_id} is {order['state']}; it cannot be cancelled.")
    active = [item["id"] for item in order["serviceOrderItem"] if item.get("state") == "completed"]
    if active:
        raise Conflict(
            "pointOfNoReturn",
            f"Item {', '.join(active)} of service order {order_id} is active already.",
            hint="Give up the items that are held, and order the termination of what is active.",
        )
    if "plan" not in order:
        return await _cancelled(uow, order, context, cancellationReason=reason)
    moved = await service_orders.move(
        uow,
        order_id,
        "pendingCancellation",
        context,
        cancellationReason=reason,
        serviceOrderItem=_unended(order, "pendingCancellation"),
    )
    await cancel_plan(uow, order["plan"]["id"], context)
    return moved


@cancel_service_orders.after_create
async def request_cancellation(uow: UnitOfWork, task: Document, context: Context) -> None:
    """Take up a cancelServiceOrder task (TMF641). Raises Conflict as `cancel`; then there is no task either."""
    order = await cancel(uow, task["serviceOrder"]["id"], task.get("cancellationReason", ""), context)
    state = "done" if order["state"] == "cancelled" else "inProgress"
    await cancel_service_orders.move(uow, task["id"], state, context)


async def compensated(uow: UnitOfWork, order_id: str, context: Context) -> None:
    """The plan has taken everything back: services are terminated, the order is cancelled. Repeatable."""
    order = await service_orders.lock(uow, order_id, context)
    if order["state"] in ENDED:
        return
    for service in await services.select(uow, context, {"serviceOrderItem.serviceOrderId": order_id}, limit=1000):
        if service["state"] != "terminated":
            await services.move(uow, service["id"], "terminated", context, endDate=instant_text(context.now))
    await _cancelled(uow, order, context)
    wanted = {"serviceOrder.id": order_id, "state": "inProgress"}
    for task in await cancel_service_orders.select(uow, context, wanted):
        await cancel_service_orders.move(
            uow, task["id"], "done", context, effectiveCancellationDate=instant_text(context.now)
        )


def plan_of(order: Document) -> str:
    """The id of the order's plan. Raises Conflict for an order that nobody has taken up."""
    if "plan" not in order:
        raise Conflict("notBegun", f"Service order {order['id']} is {order['state']}: it has no plan yet.")
    plan_id: str = order["plan"]["id"]
    return plan_id


async def _cancelled(uow: UnitOfWork, order: Document, context: Context, **attributes: str) -> Document:
    return await service_orders.move(
        uow,
        order["id"],
        "cancelled",
        context,
        serviceOrderItem=_unended(order, "cancelled"),
        cancellationDate=instant_text(context.now),
        **attributes,
    )


def _unended(order: Document, state: str) -> list[Document]:
    """The order's items, those that have not ended in this state."""
    return [item if item.get("state") in ENDED else {**item, "state": state} for item in order["serviceOrderItem"]]
