"""What belongs on an account's bill: products as sold, what earlier bills charged, rated usage → lines. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline.bss.billing.contracts import ChargedSpan
from trunkline.bss.billing.model.terms import Terms
from trunkline.bss.rating.contracts import BillingStart, ChargeLine, Price, PriceKind
from trunkline.bss.rating.facade import charge_key, from_product_price, one_time_line, recurring_lines, usage_line
from trunkline.bss.usage.contracts import UsageTotal
from trunkline.kernel.errors import Unprocessable
from trunkline.kernel.period import Period

BILLABLE = frozenset({"active", "suspended", "pendingTerminate", "terminated"})
"""A product that never became active is never charged."""

_ORDER = (PriceKind.ONE_TIME, PriceKind.RECURRING, PriceKind.USAGE)
Charged = Mapping[tuple[str, str], ChargedSpan]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the bill to be, with the product it is for and the usage it sums up.

    charge_key  by which the price is remembered as charged; its id, with its start where it is limited in time
    """

    product_id: str
    product_name: str
    order_id: str | None
    order_item_id: str | None
    charge_key: str
    line: ChargeLine
    usage: UsageTotal | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A bill before it is issued: its lines in order, and how far prices are charged once it is."""

    items: tuple[Item, ...]
    charged: tuple[ChargedSpan, ...]


def assemble(
    products: Sequence[dict[str, Any]], charged: Charged, usage: Sequence[UsageTotal], cut_off: datetime, terms: Terms
) -> Draft:
    """The draft of an account's bill at `cut_off`.

    products  TMF637 documents of the account; those that never were active are passed over
    charged   by (product id, charge key)
    usage     unbilled totals up to `cut_off`
    Raises Unprocessable for a price that cannot be charged, and for usage whose product or price is not there.
    """
    items: list[Item] = []
    spans: list[ChargedSpan] = []
    prices: dict[tuple[str, str], tuple[dict[str, Any], Price]] = {}
    ordered = sorted(products, key=lambda product: (product.get("startDate", ""), product["id"]))
    for product in ordered:
        active = _active(product, terms)
        found: list[Item] = []
        for key, price, valid in _prices(product):
            if price.kind is PriceKind.USAGE:
                prices[product["id"], key] = (product, price)
                continue
            part = active.overlap(valid) if active and valid else active
            before = charged.get((product["id"], key))
            lines, span = _charge(product["id"], key, price, part, before, cut_off, terms)
            found += [_item(product, key, line) for line in lines]
            if span is not None and span != before:
                spans.append(span)
        found += [_usage_item(prices, total) for total in _merged(usage) if total.product_id == product["id"]]
        items += sorted(found, key=_place)
    known = {product["id"] for product in products}
    stray = [total for total in usage if total.product_id not in known]
    if stray:
        raise _no_price(stray[0])
    return Draft(items=tuple(items), charged=tuple(spans))


def _active(product: dict[str, Any], terms: Terms) -> Period | None:
    """When the product is charged, by its commercial state and the policy on its start."""
    if product.get("status") not in BILLABLE or "startDate" not in product:
        return None
    start = datetime.fromisoformat(product["startDate"])
    if terms.policy.billing_start is BillingStart.ORDER and "orderDate" in product:
        start = datetime.fromisoformat(product["orderDate"])
    ended = product.get("terminationDate")
    end = datetime.fromisoformat(ended) if ended else None
    return Period(start, max(start, end) if end else None)


def _prices(product: dict[str, Any]) -> Iterator[tuple[str, Price, Period | None]]:
    """Charge key, price, and the time in which it is in force where the sale limits it (`validFor`)."""
    seen: set[str] = set()
    for n, document in enumerate(product.get("productPrice", ())):
        path = f"$.productPrice[{n}]"
        price = from_product_price(document, path)
        limits = document.get("validFor", {})
        start, end = limits.get("startDateTime"), limits.get("endDateTime")
        key = charge_key(price, document)
        if key in seen:
            raise Unprocessable("duplicatePrice", f"The product has the price {key} twice.", path=path)
        seen.add(key)
        valid = None
        if start or end:
            from_ = datetime.fromisoformat(start or product["startDate"])
            valid = Period(from_, datetime.fromisoformat(end) if end else None)
        yield key, price, valid


def _charge(
    product_id: str,
    key: str,
    price: Price,
    active: Period | None,
    before: ChargedSpan | None,
    cut_off: datetime,
    terms: Terms,
) -> tuple[tuple[ChargeLine, ...], ChargedSpan | None]:
    """The lines of one price and how far it is charged with them."""
    if active is None or active.start > cut_off:
        return (), before
    if price.kind is PriceKind.ONE_TIME:
        if before is not None:
            return (), before
        return (one_time_line(price),), _span(product_id, key, Period(active.start, active.start))
    span = Period(before.charged_from, before.charged_through) if before else None
    result = recurring_lines(price, active, span, cut_off, terms.cycle, terms.policy)
    return result.lines, _span(product_id, key, result.charged) if result.charged else before


def _span(product_id: str, key: str, charged: Period) -> ChargedSpan:
    assert charged.end is not None
    return ChargedSpan(product_id=product_id, charge_key=key, charged_from=charged.start, charged_through=charged.end)


def _item(product: dict[str, Any], key: str, line: ChargeLine, usage: UsageTotal | None = None) -> Item:
    ordered: dict[str, Any] = next(iter(product.get("productOrderItem", ())), {})
    return Item(
        product_id=product["id"],
        product_name=product.get("name", ""),
        order_id=ordered.get("orderId"),
        order_item_id=ordered.get("orderItemId"),
        charge_key=key,
        line=line,
        usage=usage,
    )


def _usage_item(prices: Mapping[tuple[str, str], tuple[dict[str, Any], Price]], total: UsageTotal) -> Item:
    found = prices.get((total.product_id, total.price_id))
    if found is None or found[1].unit != total.unit or found[1].currency != total.currency:
        raise _no_price(total)
    product, price = found
    line = usage_line(
        price, quantity=total.quantity, records=total.records, covers=Period(total.first_at, total.last_at)
    )
    return _item(product, total.price_id, line, total)


def _merged(usage: Sequence[UsageTotal]) -> list[UsageTotal]:
    """One total a product and price: kinds of usage at the same price share a line."""
    merged: dict[tuple[str, str, str, str], UsageTotal] = {}
    for total in usage:
        key = (total.product_id, total.price_id, total.unit, total.currency)
        before = merged.get(key)
        merged[key] = (
            total
            if before is None
            else msgspec.structs.replace(
                before,
                quantity=before.quantity + total.quantity,
                charge_micros=before.charge_micros + total.charge_micros,
                records=before.records + total.records,
                first_at=min(before.first_at, total.first_at),
                last_at=max(before.last_at, total.last_at),
            )
        )
    return list(merged.values())


def _no_price(total: UsageTotal) -> Unprocessable:
    return Unprocessable(
        "usageWithoutPrice",
        f"Usage was rated at price {total.price_id} of product {total.product_id}, which the account does not have.",
        path="$.productPrice",
    )


def _place(item: Item) -> tuple[int, datetime, str]:
    price, covers = item.line.price, item.line.covers
    return _ORDER.index(price.kind), covers.start if covers else datetime.min, price.id  # noqa: DTZ901  (kinds differ)
