"""The step that makes an order item's line active: its point of no return."""

from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.errors import Conflict
from trunkline.kernel.events.event import Event, event
from trunkline.kernel.plans import StepRun
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.normalise import instant_text
from trunkline.oss.resource_inventory.resources import resources
from trunkline.oss.resource_pool import facade as pools
from trunkline.oss.service_inventory.facade import realizing_services
from trunkline.oss.service_inventory.resources import services
from trunkline.oss.service_order.contracts import ACTIVATED
from trunkline.oss.service_order.following import settle
from trunkline.oss.service_order.model.state import UNDERWAY, with_item
from trunkline.oss.service_order.resources import service_orders

REPORTED = ("serialNumber", "hardwareAddress", "opticalPower")


async def activate(uow: UnitOfWork, step: StepRun, context: Context) -> Document:
    """The line works: the item's services and resources become active at one instant, and the item is completed with it.

    Raises Conflict when the order is being cancelled. Event: ServiceOrderActivated, for this item.
    """
    order = await service_orders.lock(uow, step.input["orderId"], context)
    if order["state"] not in UNDERWAY:
        raise Conflict("orderEnding", f"Service order {order['id']} is {order['state']}: nothing becomes active by it.")
    root = await services.get(uow, step.input["rootServiceId"], context)
    since = instant_text(context.now)
    for service in [root, *await realizing_services(uow, root, context)]:
        await services.move(
            uow, service["id"], "active", context, startDate=since, hasStarted=True, isServiceEnabled=True
        )
        for reference in service.get("supportingResource", ()):
            await _allocate(uow, reference["id"], step, since, context)
    item_id = step.input["itemId"]
    item = next(item for item in order["serviceOrderItem"] if item["id"] == item_id)
    active = {**item["service"], "state": "active", "startDate": since}
    items = with_item(order["serviceOrderItem"], item_id, state="completed", service=active)
    settled = await settle(uow, order, items, context)
    uow.publish(_activated(settled, item_id, step, since, context))
    return {"activatedAt": since}


def results_of(step: StepRun) -> Document:
    """What earlier steps found out, merged."""
    return {key: value for result in step.results.values() if isinstance(result, dict) for key, value in result.items()}


async def _allocate(uow: UnitOfWork, resource_id: str, step: StepRun, since: str, context: Context) -> None:
    resource = await resources.get(uow, resource_id, context)
    if "pool" in resource:
        await pools.allocate(uow, resource["pool"]["id"], resource_id, context)
    reported = _reported(step) if resource.get("@type") == "PhysicalResource" else {}
    await resources.move(
        uow,
        resource_id,
        "allocated",
        context,
        startOperatingDate=since,
        usageState="active",
        operationalState="enabled",
        **reported,
    )


def _activated(order: Document, item_id: str, step: StepRun, since: str, context: Context) -> Event:
    users = [
        result["userName"] for result in step.results.values() if isinstance(result, dict) and "userName" in result
    ]
    items = {item["id"]: item for item in order["serviceOrderItem"]}
    return event(
        context,
        ACTIVATED,
        source="service_order",
        resource="serviceOrder",
        resource_id=order["id"],
        payload={
            "externalIdentifier": order.get("externalIdentifier", []),
            "activatedAt": since,
            "itemId": item_id,
            "itemIds": list(items),
            "serviceId": items[item_id]["service"]["id"],
            "userNames": users,
        },
    )


def _reported(step: StepRun) -> Document:
    """What the technician reported of the devices he brought."""
    results = results_of(step)
    return {
        "resourceCharacteristic": [
            {"@type": "Characteristic", "name": name, "value": results[name]} for name in REPORTED if name in results
        ]
    }
