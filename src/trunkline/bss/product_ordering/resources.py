"""Product orders and their cancellation (TMF622)."""

from collections.abc import Iterable

from trunkline.bss.account.resources import billing_accounts
from trunkline.bss.customer.resources import customers
from trunkline.bss.party.resources import individuals, organizations
from trunkline.bss.product_catalog.resources import (
    is_chargeable,
    is_sellable,
    product_offering_prices,
    product_offerings,
)
from trunkline.bss.product_ordering.contracts import ACCEPTED
from trunkline.bss.product_ordering.entities import (
    CANCEL_PRODUCT_ORDER,
    PRODUCT_ORDER,
    CancelProductOrder,
    ProductOrder,
)
from trunkline.bss.product_ordering.model import item_problems, price_as_sold, total_price
from trunkline.bss.rating.facade import from_offering_price
from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.errors import Invalid, Unprocessable
from trunkline.kernel.events.event import Event, event
from trunkline.kernel.tmf import Document, LifeCycle, Reference, Resource
from trunkline.kernel.tmf.normalise import instant_text

LIFE_CYCLE = LifeCycle(
    initial="acknowledged",
    entry={"draft"},
    moves={
        "draft": {"acknowledged", "cancelled"},
        "acknowledged": {"rejected", "pending", "inProgress", "cancelled"},
        "pending": {"inProgress", "cancelled", "pendingCancellation"},
        "inProgress": {
            "held",
            "pending",
            "completed",
            "failed",
            "partial",
            "assessingCancellation",
            "pendingCancellation",
        },
        "held": {"inProgress", "assessingCancellation", "pendingCancellation"},
        "assessingCancellation": {"inProgress", "pendingCancellation"},
        "pendingCancellation": {"cancelled", "failed"},
    },
    by_hand={"draft": {"acknowledged", "cancelled"}},
    settled={
        *("productOrderItem", "orderTotalPrice", "billingAccount", "relatedParty"),
        *("creationDate", "completionDate", "cancellationDate"),
    },
    deletable={"draft", "rejected", "cancelled", "failed"},
)

product_orders = Resource(
    ProductOrder,
    PRODUCT_ORDER,
    domain="product_ordering",
    life_cycle=LIFE_CYCLE,
    hot=("creationDate", "category"),
    references=(
        Reference("relatedParty[*].partyOrPartyRole", to=(customers, individuals, organizations)),
        Reference("billingAccount", to=(billing_accounts,)),
        Reference("productOrderItem[*].productOffering", to=(product_offerings,)),
        Reference("productOrderItem[*].billingAccount", to=(billing_accounts,)),
    ),
    index=("productOrderItem.productOffering.id", "productOrderItem.product.id"),
)

cancel_product_orders = Resource(
    CancelProductOrder,
    CANCEL_PRODUCT_ORDER,
    domain="product_ordering",
    life_cycle=LifeCycle(
        initial="acknowledged",
        moves={
            "acknowledged": {"inProgress", "rejected", "done", "terminatedWithError"},
            "inProgress": {"done", "terminatedWithError"},
        },
        by_hand={},
    ),
    references=(Reference("productOrder", to=(product_orders,)),),
)


@product_orders.prepare
async def complete_order(uow: UnitOfWork, order: Document, context: Context) -> None:
    """Give the order its date, its items their states and prices as sold; refuse what cannot be sold."""
    order["creationDate"] = instant_text(context.now)
    order["state"] = order.pop("requestedInitialState", order.get("state", "acknowledged"))
    problems: list[Invalid] = item_problems(order)
    for n, item in enumerate(order["productOrderItem"]):
        item.setdefault("@type", "ProductOrderItem")
        item["state"] = "acknowledged"
        if item.get("action") != "add":
            continue
        offering = await product_offerings.find(uow, item.get("productOffering", {}).get("id", ""), context)
        if offering is None:
            continue  # the reference check names it with its path
        if not is_sellable(offering, context.now):
            problems.append(
                Unprocessable(
                    "notSellable",
                    f"{offering['name']} is not for sale.",
                    message=f"It is {offering.get('lifecycleStatus')}, and valid {offering.get('validFor', 'always')}.",
                    path=f"$.productOrderItem[{n}].productOffering.id",
                )
            )
        item["productOffering"] |= {"name": offering["name"]} | _version(offering)
        prices = await _prices(uow, offering, context)
        refused = _unfit(prices, f"$.productOrderItem[{n}].productOffering")
        problems += refused
        if not refused:
            item["itemPrice"] = [price_as_sold(price) for price in prices]
    if problems:
        raise Unprocessable.all_of(problems)
    order["orderTotalPrice"] = total_price(order)


@product_orders.on_create
def announce(order: Document, context: Context) -> Iterable[Event]:
    """An order that is more than a draft is ready for the network."""
    if order["state"] != "draft":
        yield accepted(order, context)


@product_orders.on_move("acknowledged")
def announce_submitted(order: Document, context: Context) -> Event:
    """A draft was submitted."""
    return accepted(order, context)


def accepted(order: Document, context: Context) -> Event:
    """The event that hands the order over to the flows."""
    return event(
        context,
        ACCEPTED,
        source="product_ordering",
        resource="productOrder",
        resource_id=order["id"],
        payload={"productOrder": order},
    )


def _unfit(prices: Iterable[Document], path: str) -> list[Invalid]:
    """A problem for each price that nobody could charge: better found before the sale than on the bill."""
    problems: list[Invalid] = []
    for price in prices:
        try:
            if "id" not in price:
                raise Unprocessable("priceWithoutId", "A price of the offering has no id.", path="$")
            from_offering_price(price)
        except Invalid as error:
            name = price.get("name") or price.get("id", "")
            problems.append(
                Unprocessable(
                    error.code,
                    f"The offering's price {name!r} cannot be charged.",
                    message=f"{error} ({error.path} of the price). Correct it in the catalog.",
                    path=path,
                )
            )
    return problems


async def _prices(uow: UnitOfWork, offering: Document, context: Context) -> list[Document]:
    """The prices that the offering is sold at now."""
    found = []
    for reference in offering.get("productOfferingPrice", ()):
        price = (
            await product_offering_prices.find(uow, reference.get("id", ""), context)
            if "id" in reference
            else reference
        )
        if price is not None and is_chargeable(price, context.now):
            found.append(price)
    return found


def _version(offering: Document) -> Document:
    return {"version": offering["version"]} if "version" in offering else {}
