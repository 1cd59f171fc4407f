"""What usage costs: the usage price as sold, read from the installed product; the arithmetic is `rating`'s.

A session's charge is the price of its total, so that each increment costs the difference of two totals: the sum is the
same in whatever pieces and order the records come, and is rounded to 10⁻⁶ once a session instead of once a record.
"""

from datetime import datetime

import msgspec

from trunkline.bss.product_inventory.resources import products
from trunkline.bss.rating.contracts import Price, PriceKind
from trunkline.bss.rating.facade import charge_key, from_product_price, is_in_force, rate_usage
from trunkline.bss.usage.contracts import Outcome, Refused
from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.errors import Invalid
from trunkline.kernel.quantity import Unit
from trunkline.kernel.tmf import Document


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """What one increment costs, and by which price: `price_id` is its charge key."""

    outcome: Outcome
    reason: str | None = None
    price_id: str | None = None
    micros: int = 0
    currency: str | None = None
    facts: dict[str, str] = {}


class Tariffs:
    """The usage prices of products, each read once a unit of work."""

    def __init__(self, session: ReadSession, context: Context) -> None:
        self._session = session
        self._context = context
        self._known: dict[str, tuple[tuple[Document, Price], ...] | Refused] = {}

    async def charge(self, product_id: str, unit: Unit, cumulative: int, quantity: int, at: datetime) -> Charge:
        """The charge for the last `quantity` of `cumulative` base units, by the price in force at the instant. Raises
        Refused when there is no such product, or its price cannot be used."""
        if product_id not in self._known:
            self._known[product_id] = await self._read(product_id)
        prices = self._known[product_id]
        if isinstance(prices, Refused):
            raise prices
        found = next((one for one in prices if one[1].unit is unit and is_in_force(one[0], at)), None)
        if found is None:
            return Charge(outcome=Outcome.FREE, reason="no-usage-price")
        document, price = found
        if price.amount == 0:
            return Charge(outcome=Outcome.FREE, reason="price-zero")
        return Charge(
            outcome=Outcome.RATED,
            price_id=charge_key(price, document),
            micros=increment_charge(cumulative, quantity, price),
            currency=price.currency,
            facts={
                "name": price.name,
                "priceVersion": price.version or "",
                "unitPrice": f"{price.amount:f}",
                "per": f"{price.per} {price.unit}",
            },
        )

    async def _read(self, product_id: str) -> tuple[tuple[Document, Price], ...] | Refused:
        product = await products.find(self._session, product_id, self._context)
        if product is None:
            return Refused("unknown-product", f"Product {product_id} is not in the inventory.")
        try:
            return tuple(
                (price, from_product_price(price, f"$.productPrice[{n}]"))
                for n, price in enumerate(product.get("productPrice", ()))
                if price.get("priceType") == PriceKind.USAGE
            )
        except Invalid as error:
            return Refused("unusable-price", f"The usage price of product {product_id} cannot be used: {error}")


def increment_charge(cumulative: int, quantity: int, price: Price) -> int:
    """Micros for the last `quantity` of a running total: price of the total less price of what was there before, each
    rounded half up to 10⁻⁶ of the currency's unit."""
    return rate_usage(cumulative, price).micros - rate_usage(cumulative - quantity, price).micros
