"""The share of a period that was active, and the price's part for it.

Shares are differences of a running count (local days ended, seconds passed), so the shares of adjacent parts always add
up to the share of the whole, in every zone and across every change of the clocks.
"""

from datetime import UTC, datetime
from decimal import Decimal, localcontext
from zoneinfo import ZoneInfo

from trunkline.bss.rating.contracts import ProrationPolicy, Share, ShareUnit
from trunkline.kernel.money import Money
from trunkline.kernel.period import Period, local_date

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PRECISION = 60
"""Digits carried in price arithmetic before the one rounding of a line."""


def share_of(period: Period, active: Period | None, policy: ProrationPolicy, zone: ZoneInfo) -> Share:
    """How much of a period counts, given when the product was active.

    period  closed, whole billing period
    active  half-open; None or without overlap counts nothing
    A day is charged when the product is active at the day's local end; so a day on which a product starts is charged,
    the day on which it ends is not, and of two that follow each other on one day the later one is.
    """
    overlap = period.overlap(active) if active else None
    part = count(overlap, policy, zone) if overlap else 0
    whole = count(period, policy, zone)
    if policy in (ProrationPolicy.DAY, ProrationPolicy.SECOND):
        return Share(part, whole, ShareUnit(policy.value))
    if policy is ProrationPolicy.FULL:
        return Share(int(overlap is not None), 1, ShareUnit.PERIOD)
    return Share(int(overlap == period), 1, ShareUnit.PERIOD)


def count(period: Period, policy: ProrationPolicy, zone: ZoneInfo) -> int:
    """Days whose local end falls into the period (its end included), or whole seconds for SECOND."""
    assert period.end is not None
    if policy is ProrationPolicy.SECOND:
        return _seconds(period.end) - _seconds(period.start)
    return (local_date(period.end, zone) - local_date(period.start, zone)).days


def prorate(price: Money, period: Period, active: Period | None, policy: ProrationPolicy, zone: ZoneInfo) -> Money:
    """Share of a recurring price that falls on the active part of a period.

    price   full price for the whole period
    period  billing period, half-open
    active  when the product was active, half-open
    policy  NONE, FULL, DAY or SECOND
    zone    of the account: its days are days here

    Rounds half up to minor units, once. Raises nothing: an empty overlap is zero.
    """
    return amount_of(price.amount, price.currency, share_of(period, active, policy, zone))


def amount_of(price: Decimal, currency: str, share: Share) -> Money:
    """The one rounding of a recurring line: price × part ÷ whole, half up (away from zero) to minor units."""
    with localcontext() as arithmetic:
        arithmetic.prec = PRECISION
        return Money.rounded(price * share.part / share.whole, currency)


def _seconds(instant: datetime) -> int:
    return (instant - _EPOCH).days * 86_400 + (instant - _EPOCH).seconds
