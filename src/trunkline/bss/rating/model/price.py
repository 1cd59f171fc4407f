"""Prices out of documents: ProductOfferingPrice (TMF620) and productPrice as sold (TMF637)."""

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from trunkline.bss.rating.contracts import Price, PriceKind, TaxRate, Timing
from trunkline.kernel.errors import Unprocessable
from trunkline.kernel.money import parse_amount
from trunkline.kernel.quantity import multiple

_MONTHS = {"month": 1, "months": 1, "monthly": 1, "quarter": 3, "year": 12, "years": 12, "yearly": 12, "annual": 12}
_MONTHS_MAX = 120
_COUNTED = re.compile(r"\s*(?P<number>[0-9]{1,9})?\s*(?P<name>[A-Za-z]+)\s*")
DEFAULT_TAX_CATEGORY = "tax"
AMOUNT_MAX = Decimal(10) ** 12
"""Currency units; sums of many such still fit what is stored."""


def from_offering_price(document: dict[str, Any], path: str = "$") -> Price:
    """A price as published (TMF620 ProductOfferingPrice).

    Numbers must have been decoded as Decimal. Beside the standard's attributes, `chargeTiming` says "inAdvance" (the
    default) or "inArrears". Raises Unprocessable for a price that cannot be charged, with its path.
    """
    length = f"{document.get('recurringChargePeriodLength') or 1} {document.get('recurringChargePeriodType', 'month')}"
    measure = document.get("unitOfMeasure", {})
    return _price(
        document,
        identity=document,
        money=document.get("price", {}),
        taxes=_taxes(document.get("tax", ())),
        length=length,
        measure=f"{measure.get('amount', 1)} {measure.get('units', '')}",
        path=path,
    )


def from_product_price(document: dict[str, Any], path: str = "$") -> Price:
    """A price as sold (TMF637 productPrice, TMF622 itemPrice): `price.dutyFreeAmount`, "1 month", "1 GB".

    The tax is the list `tax` where the sale kept it, else `price.taxRate`. Raises as `from_offering_price`.
    """
    inner = document.get("price", {})
    taxes = _taxes(document.get("tax", ()))
    if not taxes and inner.get("taxRate"):
        taxes = (TaxRate(DEFAULT_TAX_CATEGORY, parse_amount(inner["taxRate"], f"{path}.price.taxRate")),)
    return _price(
        document,
        identity=document.get("productOfferingPrice", {}),
        money=inner.get("dutyFreeAmount", {}),
        taxes=taxes,
        length=document.get("recurringChargePeriod", "1 month"),
        measure=document.get("unitOfMeasure", ""),
        path=path,
    )


def charge_key(price: Price, document: dict[str, Any]) -> str:
    """By which a price as sold is remembered as charged: its id, with its start where the sale limits it in time, as one
    price may be sold twice, one after the other."""
    start = document.get("validFor", {}).get("startDateTime")
    return f"{price.id}@{start}" if start else price.id


def is_in_force(document: dict[str, Any], at: datetime) -> bool:
    """Whether a price as sold is charged at the instant (`validFor`, half-open)."""
    limits = document.get("validFor", {})
    start, end = limits.get("startDateTime"), limits.get("endDateTime")
    return (start is None or datetime.fromisoformat(start) <= at) and (end is None or at < datetime.fromisoformat(end))


def _price(
    document: dict[str, Any],
    *,
    identity: dict[str, Any],
    money: dict[str, Any],
    taxes: tuple[TaxRate, ...],
    length: str,
    measure: str,
    path: str,
) -> Price:
    kind = _kind(document, path)
    if "value" not in money or "unit" not in money:
        raise Unprocessable("priceWithoutAmount", "A price needs an amount and its currency.", path=f"{path}.price")
    amount = parse_amount(money["value"], f"{path}.price.value")
    if abs(amount) > AMOUNT_MAX:
        raise Unprocessable("amountTooLarge", f"A price is at most {AMOUNT_MAX:f}.", path=f"{path}.price.value")
    price = Price(
        id=str(identity.get("id", document.get("name", ""))),
        version=identity.get("version"),
        name=document.get("name", ""),
        kind=kind,
        amount=amount,
        currency=money["unit"],
        taxes=taxes,
    )
    if kind is PriceKind.RECURRING:
        timing = document.get("chargeTiming", Timing.IN_ADVANCE)
        if timing not in tuple(Timing):
            raise Unprocessable(
                "unknownChargeTiming",
                f"{timing!r} is no charge timing.",
                path=f"{path}.chargeTiming",
                allowed=tuple(Timing),
            )
        return _with(price, timing=Timing(timing), period_months=_months(length, path))
    if kind is PriceKind.USAGE:
        number, name = _counted(measure, f"{path}.unitOfMeasure")
        unit, size = multiple(name, f"{path}.unitOfMeasure.units")
        if number < 1:
            raise Unprocessable(
                "invalidUnitOfMeasure", "A usage price is for at least one unit.", path=f"{path}.unitOfMeasure"
            )
        return _with(price, per=number * size, unit=unit, multiple=name)
    return price


def _with(price: Price, **changed: Any) -> Price:
    kept = {field: getattr(price, field) for field in price.__struct_fields__}
    return Price(**{**kept, **changed})


def _kind(document: dict[str, Any], path: str) -> PriceKind:
    kind = document.get("priceType")
    if kind not in tuple(PriceKind):
        raise Unprocessable(
            "priceTypeNotOffered",
            f"{kind!r} prices cannot be charged.",
            path=f"{path}.priceType",
            allowed=tuple(PriceKind),
        )
    return PriceKind(kind)


def _taxes(items: Iterable[dict[str, Any]]) -> tuple[TaxRate, ...]:
    return tuple(
        TaxRate(item.get("taxCategory", DEFAULT_TAX_CATEGORY), parse_amount(item.get("taxRate", 0), "$.tax.taxRate"))
        for item in items
    )


def _months(length: str, path: str) -> int:
    number, name = _counted(length, f"{path}.recurringChargePeriodType")
    months = number * _MONTHS.get(name.lower(), 0)
    if not 1 <= months <= _MONTHS_MAX:
        raise Unprocessable(
            "periodNotOffered",
            f"A recurring price every {length!r} cannot be charged.",
            path=f"{path}.recurringChargePeriodType",
            allowed=("month", "quarter", "year"),
        )
    return months


def _counted(text: str, path: str) -> tuple[int, str]:
    """ "3 months" → (3, "months"); a missing number is one. "1.000 GB" is read as one: the number must be whole."""
    head, _, tail = text.strip().partition(" ")
    if tail and "." in head:
        number = parse_amount(head, path)
        if number != number.to_integral_value():
            raise Unprocessable("invalidUnitOfMeasure", f"{text!r} is not a whole number of units.", path=path)
        text = f"{Decimal(number).to_integral_value():f} {tail}"
    match = _COUNTED.fullmatch(text)
    if match is None:
        raise Unprocessable("invalidUnitOfMeasure", f"{text!r} is not a number of units.", path=path)
    return int(match["number"] or 1), match["name"]
