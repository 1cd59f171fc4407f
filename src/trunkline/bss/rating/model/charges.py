"""Charges that are not recurring: once, and by usage; and the tax on all of them."""

from collections.abc import Sequence
from decimal import Decimal, localcontext

from trunkline.bss.rating.contracts import ChargeLine, Price, PriceKind, TaxAmount, TaxRate, Totals
from trunkline.bss.rating.model.proration import PRECISION
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Micros, Money
from trunkline.kernel.period import Period


def one_time_line(price: Price) -> ChargeLine:
    """The line of a one-time price."""
    return ChargeLine(price=price, net=Money.rounded(price.amount, price.currency))


def rate_usage(quantity: int, price: Price) -> Micros:
    """What a quantity of base units costs at a usage price, in 10⁻⁶ currency units, rounded half up once.

    Raises Invalid for a negative quantity or a price that is not for usage.
    """
    if price.kind is not PriceKind.USAGE:
        raise Invalid("notAUsagePrice", f"{price.name} is a {price.kind} price.", path="$.priceType")
    if quantity < 0:
        raise Invalid("negativeQuantity", "A quantity of usage is not negative.", path="$.quantity")
    with localcontext() as arithmetic:
        arithmetic.prec = PRECISION
        return Micros.rounded(price.amount * quantity / price.per, price.currency)


def usage_line(price: Price, *, quantity: int, records: int, covers: Period) -> ChargeLine:
    """The line of the usage of one product at one price: the price of its total, rounded half up once.

    Not the sum of its records' charges: each of them was rounded, and at the border of half a cent the line would depend
    on how many sessions there were, and not be what its formula says.
    """
    with localcontext() as arithmetic:
        arithmetic.prec = PRECISION
        net = Money.rounded(price.amount * quantity / price.per, price.currency)
    return ChargeLine(price=price, net=net, covers=covers, quantity=quantity, records=records)


def totals(lines: Sequence[ChargeLine], currency: str) -> Totals:
    """Net, tax and gross of a document.

    Tax is worked out once per category and rate, on the sum of the net amounts it applies to, rounded half up. A line's
    own tax is what the running total of that tax grows by with it, so that the lines' taxes add up exactly.
    Raises Invalid when a line is in another currency.
    """
    net = sum((line.net for line in lines), Money.zero(currency))
    bases: dict[TaxRate, Money] = {}
    by_line = []
    for line in lines:
        own = []
        for rate in sorted(set(line.price.taxes)):
            before = bases.get(rate, Money.zero(currency))
            bases[rate] = before + line.net
            own.append(TaxAmount(rate=rate, base=line.net, tax=tax_on(bases[rate], rate) - tax_on(before, rate)))
        by_line.append(tuple(own))
    taxes = tuple(TaxAmount(rate=rate, base=base, tax=tax_on(base, rate)) for rate, base in sorted(bases.items()))
    tax = sum((amount.tax for amount in taxes), Money.zero(currency))
    return Totals(net=net, tax=tax, gross=net + tax, taxes=taxes, by_line=tuple(by_line))


def tax_on(base: Money, rate: TaxRate) -> Money:
    """The tax on a net sum, rounded half up to minor units: 19 % of 120.40 is 22.876, so 22.88."""
    return Money.rounded(base.amount * rate.percent / Decimal(100), base.currency)
