"""Pure rules of product orders: what an order must say, prices as sold, states of items."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from trunkline.kernel.errors import Invalid, Unprocessable
from trunkline.kernel.tmf import Document

ITEMS_MAX = 100
MESSAGES_MAX = 20
ACTIONS = ("add", "modify", "delete", "noChange")
ENDED = frozenset({"completed", "cancelled", "failed", "rejected", "partial"})


def item_problems(order: Document) -> list[Invalid]:
    """What is wrong with the items' form, each with its path."""
    items: list[Document] = order["productOrderItem"]
    problems: list[Invalid] = []
    if len(items) > ITEMS_MAX:
        problems.append(Invalid("tooManyItems", f"At most {ITEMS_MAX} items an order.", path="$.productOrderItem"))
    seen: set[str] = set()
    for n, item in enumerate(items):
        place = f"$.productOrderItem[{n}]"
        if item.get("id") in seen:
            problems.append(Invalid("duplicateItem", "Two items have the same id.", path=f"{place}.id"))
        seen.add(str(item.get("id")))
        if item.get("action") == "add" and "productOffering" not in item:
            problems.append(
                Invalid("missingAttribute", "An item that adds names its offering.", path=f"{place}.productOffering")
            )
        if item.get("action") not in ACTIONS:
            problems.append(
                Invalid(
                    "unknownValue",
                    f"{str(item.get('action'))[:60]!r} is no action of an item.",
                    path=f"{place}.action",
                    allowed=ACTIONS,
                )
            )
        if item.get("action") in ("modify", "delete"):
            problems.append(
                Unprocessable(
                    "actionNotOffered",
                    f"{item['action']!r} of an installed product is not offered yet.",
                    path=f"{place}.action",
                    allowed=("add", "noChange"),
                )
            )
        if item.get("quantity", 1) != 1:
            problems.append(Unprocessable("quantityNotOffered", "One product an item.", path=f"{place}.quantity"))
    if order.get("billingAccount") is None and any("billingAccount" not in item for item in items):
        problems.append(
            Invalid("missingAttribute", "The order or each item names a billing account.", path="$.billingAccount")
        )
    return problems


def price_as_sold(price: Document) -> Document:
    """The ProductOfferingPrice (TMF620) as it stands on an order item and on the product (TMF622/637): amounts, tax rate,
    unit, whether it is charged in advance or in arrears, and the price's id and version, so that a later change in the
    catalog does not touch what was sold."""
    reference: Document = {"@type": "ProductOfferingPriceRef", "id": price["id"], "name": price.get("name", "")}
    if "version" in price:
        reference["version"] = price["version"]
    tax_rate = sum((Decimal(item.get("taxRate", 0)) for item in price.get("tax", ())), Decimal(0))
    sold: Document = {
        "@type": "OrderPrice",
        "name": price.get("name", ""),
        "priceType": price["priceType"],
        "productOfferingPrice": reference,
        "price": {"@type": "Price", "dutyFreeAmount": price["price"], "taxRate": tax_rate},
    }
    if price.get("tax"):
        sold["tax"] = price["tax"]
    if "recurringChargePeriodType" in price:
        length = price.get("recurringChargePeriodLength", 1)
        sold["recurringChargePeriod"] = f"{length} {price['recurringChargePeriodType']}"
    if "chargeTiming" in price:
        sold["chargeTiming"] = price["chargeTiming"]
    unit = price.get("unitOfMeasure", {})
    if "units" in unit:
        sold["unitOfMeasure"] = f"{unit.get('amount', 1)} {unit['units']}"
    return sold


def total_price(order: Document) -> list[Document]:
    """The order's sums by price type and currency: what is due once, and what recurs."""
    sums: dict[tuple[str, str, str], Decimal] = {}
    for item in order["productOrderItem"]:
        for price in item.get("itemPrice", ()):
            amount = price["price"]["dutyFreeAmount"]
            key = (price["priceType"], price.get("recurringChargePeriod", ""), amount["unit"])
            if price["priceType"] != "usage":
                sums[key] = sums.get(key, Decimal(0)) + Decimal(amount["value"])
    return [
        {
            "@type": "OrderPrice",
            "name": kind,
            "priceType": kind,
            **({"recurringChargePeriod": period} if period else {}),
            "price": {"@type": "Price", "dutyFreeAmount": {"unit": currency, "value": value}},
        }
        for (kind, period, currency), value in sums.items()
    ]


def with_item_states(order: Document, state: str) -> list[Document]:
    """The order's items, those that have not ended in this state."""
    return [item if item.get("state") in ENDED else {**item, "state": state} for item in order["productOrderItem"]]


def with_states(order: Document, states: Mapping[str, str]) -> list[Document]:
    """The order's items with the states of those named, unless they have ended; one that changes nothing (`noChange`) is
    completed when all that change something have ended."""
    items = [
        item if item["state"] in ENDED else {**item, "state": states.get(item["id"], item["state"])}
        for item in order["productOrderItem"]
    ]
    if all(item["state"] in ENDED for item in items if item["action"] != "noChange"):
        items = [{**item, "state": "completed"} if item["action"] == "noChange" else item for item in items]
    return items


def order_state(items: Sequence[Document]) -> str:
    """What an order that is under way comes to by its items (TMF622): `held` as soon as one waits for a person,
    `inProgress` while one is not at its end; then the state that all share, or `partial` when they ended differently."""
    changing = {item["state"] for item in items if item["action"] != "noChange"} or {"completed"}
    if "held" in changing:
        return "held"
    if not changing <= ENDED:
        return "inProgress"
    return str(changing.pop()) if len(changing) == 1 else "partial"


def product_of(order: Document, item: Document, context_now: str) -> Document:
    """The installed product (TMF637) that an `add` item asks for, before it is active."""
    wanted: dict[str, Any] = item.get("product", {})
    product: Document = {
        "@type": "Product",
        "name": wanted.get("name") or item["productOffering"]["name"],
        "status": "created",
        "orderDate": order["creationDate"],
        "creationDate": context_now,
        "productOffering": item["productOffering"],
        "productPrice": [{**price, "@type": "ProductPrice"} for price in item.get("itemPrice", ())],
        "billingAccount": item.get("billingAccount") or order["billingAccount"],
        "productOrderItem": [
            {
                "@type": "RelatedOrderItem",
                "role": "ordered by",
                "orderId": order["id"],
                "orderItemId": item["id"],
                "orderItemAction": "add",
            }
        ],
        "relatedParty": order.get("relatedParty", []),
    }
    for name in ("productCharacteristic", "place", "productSerialNumber", "productSpecification"):
        if name in wanted:
            product[name] = wanted[name]
    return product
