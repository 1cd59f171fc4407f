"""A service order follows its plan: a step that failed for good holds its item, or has it taken back; a retry frees it.

How the order stands is read from the plan, never from the event that told of a change: told late or twice, it comes out
the same.
"""

from collections.abc import Sequence

from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.errors import Conflict, NotFound
from trunkline.kernel.plans import PlanView, StepRun, StepSpec, get_plan, give_up
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.normalise import instant_text
from trunkline.oss.service_inventory.facade import realizing_services
from trunkline.oss.service_inventory.resources import services
from trunkline.oss.service_order.cancelling import plan_of
from trunkline.oss.service_order.model.failure import is_given_up, messages, open_failures, wants_undo
from trunkline.oss.service_order.model.state import ENDED, UNDERWAY, order_state, with_item
from trunkline.oss.service_order.resources import service_orders

FAIL_ITEM = "fail_item"


async def follow_plan(uow: UnitOfWork, order_id: str, context: Context) -> None:
    """Bring the order in line with the failed steps of its plan: items held or going on, reasons in `errorMessage`.

    An item whose failed step is specified `onFailure: undo` is taken back. Repeatable; an order that has ended stays.
    Raises Unavailable while a worker runs a step of an item that is to be taken back.
    """
    order = await service_orders.lock(uow, order_id, context)
    if order["state"] in ENDED:
        return
    plan = await get_plan(uow, plan_of(order), context)
    failures = open_failures(plan)
    told = messages(order_id, order.get("errorMessage", ()), failures)
    errors = {"errorMessage": told} if told else {}
    if order["state"] not in UNDERWAY:
        await service_orders.patch(uow, order_id, errors, context)
        return
    items: list[Document] = order["serviceOrderItem"]
    for item in items:
        failed = failures.get(item["id"], ())
        if item["state"] in ENDED:
            continue
        undo = wants_undo(failed) and not is_given_up(plan, item["id"], FAIL_ITEM)
        if undo:
            await _take_back(uow, plan, item, context)
        items = with_item(items, item["id"], state="held" if failed and not undo else "inProgress")
    await settle(uow, order, items, context, **errors)


async def give_up_item(uow: UnitOfWork, order_id: str, item_id: str, reason: str, context: Context) -> None:
    """Nobody can mend what holds the item: take back what was done for it; then it has failed, and the order has `failed`
    or, where other items are active, is `partial`.

    Repeatable. Raises NotFound, Conflict for an item that is not held, Unavailable while a worker runs a step of it.
    """
    order = await service_orders.lock(uow, order_id, context)
    item = next((item for item in order["serviceOrderItem"] if item["id"] == item_id), None)
    if item is None:
        known = [item["id"] for item in order["serviceOrderItem"]]
        raise NotFound("unknownItem", f"Service order {order_id} has no item {item_id[:80]}.", allowed=known)
    if item["state"] == "failed":
        return
    plan = await get_plan(uow, plan_of(order), context)
    if is_given_up(plan, item_id, FAIL_ITEM):
        raise Conflict(
            "givenUpAlready",
            f"Item {item_id} is being taken back already.",
            hint="If one of its undo steps has failed, retry or skip that step.",
        )
    if item["state"] != "held":
        raise Conflict("itemNotHeld", f"Item {item_id} is {item['state']}; only an item that is held can be given up.")
    await _take_back(uow, plan, item, context)
    note = {"@type": "Note", "author": context.actor, "date": instant_text(context.now), "text": reason}
    items = with_item(order["serviceOrderItem"], item_id, state="inProgress")
    await settle(uow, order, items, context, note=[*order.get("note", ()), note])


async def fail_item(uow: UnitOfWork, step: StepRun, context: Context) -> None:
    """All that was done for the item is taken back: its services are terminated, it has failed. The closing step."""
    order = await service_orders.lock(uow, step.input["orderId"], context)
    root = await services.get(uow, step.input["rootServiceId"], context)
    for service in [root, *await realizing_services(uow, root, context)]:
        await services.move(uow, service["id"], "terminated", context, endDate=instant_text(context.now))
    items = with_item(order["serviceOrderItem"], step.input["itemId"], state="failed")
    if order["state"] in UNDERWAY:
        await settle(uow, order, items, context)
    else:
        await service_orders.patch(uow, order["id"], {"serviceOrderItem": items}, context)


async def settle(
    uow: UnitOfWork, order: Document, items: Sequence[Document], context: Context, **attributes: object
) -> Document:
    """Store the items and move the order, which is under way, to the state that they come to.

    An order that was held goes on before it ends, as TMF641 has it. Events: ServiceOrderStateChangeEvent for each move.
    """
    state = order_state(items)
    if order["state"] == "held" and state in ENDED:
        await service_orders.move(uow, order["id"], "inProgress", context)
    if state in ("completed", "partial"):
        attributes["completionDate"] = instant_text(context.now)
    return await service_orders.move(uow, order["id"], state, context, serviceOrderItem=list(items), **attributes)


async def _take_back(uow: UnitOfWork, plan: PlanView, item: Document, context: Context) -> None:
    part = [step.n for step in plan.steps if step.input.get("itemId") == item["id"] and step.undoes is None]
    closing = StepSpec(
        name=f"{item['id']}.fail",
        action=FAIL_ITEM,
        input={"orderId": plan.subject_id, "itemId": item["id"], "rootServiceId": item["service"]["id"]},
    )
    await give_up(uow, plan.id, part, context, closing=closing)
