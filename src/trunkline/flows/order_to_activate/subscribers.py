"""Who hears what on the way from order to activation. Each effect and its inbox row are one transaction."""

from datetime import datetime

from trunkline.bss.product_catalog.resources import product_offerings, product_specifications
from trunkline.bss.product_inventory.resources import products
from trunkline.bss.product_ordering import facade as product_ordering
from trunkline.bss.product_ordering.contracts import ACCEPTED, CANCEL_REQUESTED
from trunkline.bss.usage import facade as usage
from trunkline.flows.order_to_activate.model import metered_product, product_order_id, to_activated, to_service_order
from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.events.event import Event, on
from trunkline.kernel.tmf import Document
from trunkline.oss.service_order import facade as service_order
from trunkline.oss.service_order.steps import ACTIVATED


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
        now = {"activatedAt": context.now.isoformat()}
        await product_ordering.complete(uow, order["id"], to_activated(now), context)


@on(ACTIVATED)
async def products_active(event: Event, uow: UnitOfWork, context: Context) -> None:
    """The network has activated the services: products are active since that instant, and usage counts on them."""
    order_id = product_order_id(event.payload)
    if order_id is None:
        return
    activated = to_activated(event.payload)
    await product_ordering.complete(uow, order_id, activated, context)
    installed = await products.select(uow, context, {"productOrderItem.orderId": order_id})
    metered = metered_product(installed)
    if metered is None:
        return
    for user_name in event.payload["userNames"]:
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


@on(CANCEL_REQUESTED)
async def take_back(event: Event, uow: UnitOfWork, context: Context) -> None:
    """A running order is to be cancelled: stop and compensate on the network; without services there, it is done."""
    running = await service_order.find_by_external_id(uow, event.resource_id, context)
    if running:
        await service_order.cancel(uow, running["id"], event.payload["reason"], context)
    else:
        await product_ordering.cancelled(uow, event.resource_id, context)


@on("ServiceOrderStateChangeEvent")
async def order_ended(event: Event, uow: UnitOfWork, context: Context) -> None:
    """The service order was taken back or has failed: so has the commercial one."""
    order = event.payload["serviceOrder"]
    order_id = product_order_id(order)
    if order_id is None:
        return
    if order["state"] == "cancelled":
        await product_ordering.cancelled(uow, order_id, context)
    elif order["state"] == "failed":
        await product_ordering.fail(uow, order_id, order.get("description", "The network failed."), context)


@on("UsageSessionStarted")
async def session_seen(event: Event, uow: UnitOfWork, context: Context) -> None:
    """The network let a subscriber in: a verification that waits for it goes on."""
    started = datetime.fromisoformat(event.payload["occurredAt"])
    await service_order.session_seen(uow, event.payload["userName"], {"sessionSeenAt": started.isoformat()}, context)


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
