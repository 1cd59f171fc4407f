"""Prices read from TMF620 and TMF637 documents, exactly, and refused with the path."""

from decimal import Decimal
from typing import Any

import pytest

from trunkline.bss.product_ordering.model import price_as_sold
from trunkline.bss.rating.contracts import PriceKind, TaxRate, Timing
from trunkline.bss.rating.facade import from_offering_price, from_product_price
from trunkline.kernel.errors import Invalid
from trunkline.kernel.quantity import Unit

OFFERED: dict[str, Any] = {
    "@type": "ProductOfferingPrice",
    "id": "pop-1",
    "version": "2",
    "name": "Volume",
    "priceType": "usage",
    "price": {"unit": "EUR", "value": Decimal("0.10")},
    "unitOfMeasure": {"amount": 100, "units": "MB"},
    "tax": [{"taxCategory": "VAT", "taxRate": 19}],
}


def test_a_price_as_published_and_as_sold_are_the_same_price() -> None:
    published = from_offering_price(OFFERED)
    assert (published.kind, published.amount, published.per, published.unit) == (
        PriceKind.USAGE, Decimal("0.10"), 100 * 10**6, Unit.OCTET,
    )  # fmt: skip
    assert published.taxes == (TaxRate("VAT", Decimal(19)),)
    assert from_product_price(price_as_sold(OFFERED)) == published


def test_recurring_periods_and_timing() -> None:
    yearly = {
        **OFFERED,
        "priceType": "recurring",
        "recurringChargePeriodType": "year",
        "recurringChargePeriodLength": 2,
    }
    price = from_offering_price({**yearly, "chargeTiming": "inArrears"})
    assert (price.period_months, price.timing) == (24, Timing.IN_ARREARS)
    assert from_product_price(price_as_sold(yearly)).period_months == 24
    sold = from_product_price(price_as_sold({**yearly, "chargeTiming": "inArrears"}))
    assert (sold.period_months, sold.timing) == (24, Timing.IN_ARREARS)
    assert from_product_price(price_as_sold(yearly)).timing is Timing.IN_ADVANCE


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"priceType": "allowance"}, "$.priceType"),
        ({"price": {"unit": "EUR"}}, "$.price"),
        ({"unitOfMeasure": {"amount": 1, "units": "parsec"}}, "$.unitOfMeasure.units"),
        ({"unitOfMeasure": {"amount": Decimal("0.5"), "units": "GB"}}, "$.unitOfMeasure"),
        ({"priceType": "recurring", "recurringChargePeriodType": "fortnight"}, "$.recurringChargePeriodType"),
        ({"priceType": "recurring", "chargeTiming": "sometimes"}, "$.chargeTiming"),
    ],
)
def test_what_cannot_be_charged_is_refused_with_its_path(change: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        from_offering_price({**OFFERED, **change})
    assert refused.value.path == path
    assert refused.value.status in (400, 422)


def test_a_float_never_becomes_a_price() -> None:
    with pytest.raises(Invalid):
        from_offering_price({**OFFERED, "price": {"unit": "EUR", "value": 0.1}})
