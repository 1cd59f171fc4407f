"""Who hears what on the way from order to activation. Each effect and its inbox row are one transaction."""

from datetime import datetime

from trunkline.bss.product_catalog.resources import product_offerings, product_specifications
from trunkline.bss.product_inventory.resources import products
from trunkline.bss.product_ordering import facade as product_ordering
from trunkline.bss.product_ordering.contracts import ACCEPTED, CANCEL_REQUESTED, Activated, Progress
from trunkline.bss.product_ordering.resources import product_orders
from trunkline.bss.usage import facade as usage
from trunkline.flows.order_to_activate.model import (
    metered_product,
    product_order_id,
    products_of,
    to_activated,
    to_messages,
    to_progress,
    to_service_order,
)
from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.errors import Conflict
from trunkline.kernel.events.event import Event, on
from trunkline.kernel.tmf import Document
from trunkline.oss.service_order import facade as service_order
from trunkline.oss.service_order.contracts import ACTIVATED


@on(ACCEPTED)
async def hand_over(event: Event, uow: UnitOfWork, context: Context) -> None:
    """A commercial order became ready for the network: begin it and ask for the services that realise it.

    What the catalogs cannot realise is refused here with the reason; the event is parked after its retries, and goes
    on when the catalog is mended and an operator replays it.
    """
    order = await product_ordering.start(uow, event.resource_id, context)
    if order["state"] != "inProgress":
        return
    wanted = to_service_order(order, await _specifications(uow, order, context))
    if wanted is not None:
        await service_order.submit(uow, wanted, context)
    else:
        commercial: dict[str, str | None] = {item["id"]: None for item in order["productOrderItem"]}
        now = Activated(activated_at=context.now, services=commercial)
        await product_ordering.activated(uow, order["id"], now, context)


@on(ACTIVATED, "ServiceOrderStateChangeEvent", "ServiceOrderAttributeValueChangeEvent")
async def network_reports(event: Event, uow: UnitOfWork, context: Context) -> None:
    """A service order has come further; its product order follows. One consumer for all of it: in the order it happened."""
    payload = event.payload if event.type == ACTIVATED else event.payload["serviceOrder"]
    order_id = product_order_id(payload)
    if order_id is None:
        return
    if event.type == ACTIVATED:
        await _activated(uow, order_id, payload, context)
    elif payload["state"] == "cancelled":
        await product_ordering.cancelled(uow, order_id, context)
    elif payload["state"] == "pendingCancellation":
        await _pending_cancellation(uow, order_id, payload, context)
    else:
        order = await product_orders.get(uow, order_id, context)
        await product_ordering.follow(uow, order_id, to_progress(payload, order), context)


@on(CANCEL_REQUESTED)
async def take_back(event: Event, uow: UnitOfWork, context: Context) -> None:
    """A running order is to be cancelled: stop and compensate on the network, if it is not past its point of no return;
    without services there, it is done."""
    running = await service_order.find_by_external_id(uow, event.resource_id, context)
    if running is None:
        await product_ordering.cancelled(uow, event.resource_id, context)
        return
    try:
        await service_order.cancel(uow, running["id"], event.payload["reason"], context)
    except Conflict as refused:
        error = {"code": refused.code, "reason": refused.reason, "message": refused.hint or ""}
        await product_ordering.cancellation_refused(uow, event.resource_id, error, context)
    else:
        await product_ordering.cancellation_accepted(uow, event.resource_id, context)


@on("UsageSessionStarted")
async def session_seen(event: Event, uow: UnitOfWork, context: Context) -> None:
    """The network let a subscriber in: a verification that waits for it goes on."""
    started = datetime.fromisoformat(event.payload["occurredAt"])
    await service_order.session_seen(uow, event.payload["userName"], {"sessionSeenAt": started.isoformat()}, context)


async def _activated(uow: UnitOfWork, order_id: str, payload: Document, context: Context) -> None:
    """The network has activated a line: its products are active since that instant, and usage counts on them."""
    order = await product_orders.get(uow, order_id, context)
    activated = to_activated(payload, order)
    await product_ordering.activated(uow, order_id, activated, context)
    installed = await products.select(uow, context, {"productOrderItem.orderId": order_id})
    metered = metered_product(products_of(installed, activated))
    if metered is None:
        return
    for user_name in payload["userNames"]:
        await usage.bind_identifier(
            uow,
            usage.BindIdentifier(
                kind="radius-user",
                value=user_name,
                product_id=metered["id"],
                account_id=metered["billingAccount"]["id"],
                valid_from=activated.activated_at,
            ),
            context,
        )


async def _pending_cancellation(uow: UnitOfWork, order_id: str, order: Document, context: Context) -> None:
    """The network takes the order back, also when it was asked for there; what keeps it from that is told."""
    await product_ordering.cancellation_accepted(uow, order_id, context)
    await product_ordering.follow(uow, order_id, Progress(states={}, messages=to_messages(order, order_id)), context)


async def _specifications(uow: UnitOfWork, order: Document, context: Context) -> dict[str, Document | None]:
    """Order item id → the service specification that realises the item's product, by the product catalog."""
    found: dict[str, Document | None] = {}
    for item in order["productOrderItem"]:
        if item["action"] != "add":
            continue
        offering = await product_offerings.get(uow, item["productOffering"]["id"], context)
        reference = offering.get("productSpecification")
        specification = await product_specifications.get(uow, reference["id"], context) if reference else {}
        realized = specification.get("serviceSpecification", [])
        found[item["id"]] = realized[0] if realized else None
    return found
