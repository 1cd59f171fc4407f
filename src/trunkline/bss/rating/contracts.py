"""The values of price arithmetic: prices as sold, policies, lines with the numbers that explain them."""

from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from trunkline.kernel.money import Money
from trunkline.kernel.period import Period
from trunkline.kernel.quantity import Unit


class PriceKind(StrEnum):
    """`priceType` of a price (TMF620)."""

    RECURRING = "recurring"
    ONE_TIME = "oneTime"
    USAGE = "usage"


class Timing(StrEnum):
    """When a recurring price falls due: at the start of its period, or after its end."""

    IN_ADVANCE = "inAdvance"
    IN_ARREARS = "inArrears"


class ProrationPolicy(StrEnum):
    """What a period costs that was active only in part.

    NONE    nothing
    FULL    the whole price
    DAY     the price's share of days; a day counts when the product is active at the day's local end
    SECOND  the price's share of seconds
    """

    NONE = "none"
    FULL = "full"
    DAY = "day"
    SECOND = "second"


class BillingStart(StrEnum):
    """From which instant a product is charged."""

    ACTIVATION = "activation"
    ORDER = "order"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How an operator charges; data of the billing cycle or the operator, not of the code."""

    proration: ProrationPolicy = ProrationPolicy.DAY
    billing_start: BillingStart = BillingStart.ACTIVATION


class TaxRate(msgspec.Struct, frozen=True, order=True):
    """One tax on a price. `percent` is 19 for nineteen percent."""

    category: str
    percent: Decimal


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """A price as published or as sold.

    id, version    of the ProductOfferingPrice it was compiled from
    amount         net, in currency units: for one period, for once, or for `per` base units of usage
    period_months  length of a recurring price's period
    per, unit      of a usage price: 0.10 per 1 GB has per = 10⁹ and unit octet
    multiple       how the unit was written ("GB"), for texts
    """

    id: str
    version: str | None = None
    name: str
    kind: PriceKind
    amount: Decimal
    currency: str
    taxes: tuple[TaxRate, ...] = ()
    timing: Timing = Timing.IN_ADVANCE
    period_months: int = 1
    per: int = 1
    unit: Unit | None = None
    multiple: str = ""


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """An account's billing months: they begin on `day_of_month` (1 to 28), at local midnight of `zone`."""

    day_of_month: int
    zone: ZoneInfo


class ShareUnit(StrEnum):
    """In what a share of a period is counted."""

    PERIOD = "period"
    DAY = "day"
    SECOND = "second"


class Share(msgspec.Struct, frozen=True):
    """`part` of `whole` units of a period; a negative part is given back."""

    part: int
    whole: int
    unit: ShareUnit


class ChargeLine(msgspec.Struct, frozen=True, kw_only=True):
    """One charge, with all that its explanation needs.

    covers    what it pays for; None for a one-time price
    period    the whole period that a recurring price is for
    share     the part of that period
    quantity  base units of usage, with `records` of them
    net       the one rounded amount
    """

    price: Price
    net: Money
    covers: Period | None = None
    period: Period | None = None
    share: Share | None = None
    quantity: int | None = None
    records: int | None = None


class TaxAmount(msgspec.Struct, frozen=True, kw_only=True):
    """The tax of one category and rate on the sum of the net amounts it applies to."""

    rate: TaxRate
    base: Money
    tax: Money


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of a document. `by_line` is each line's part of the tax; the parts add up to `tax`."""

    net: Money
    tax: Money
    gross: Money
    taxes: tuple[TaxAmount, ...]
    by_line: tuple[tuple[TaxAmount, ...], ...]
