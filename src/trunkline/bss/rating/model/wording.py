"""Lines in words and numbers: what a customer reads beside an amount."""

from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from zoneinfo import ZoneInfo

from trunkline.bss.rating.contracts import ChargeLine, PriceKind, Share, ShareUnit
from trunkline.kernel.money import Money, decimals_of
from trunkline.kernel.period import Period, local_date
from trunkline.kernel.quantity import MULTIPLES

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def line_title(line: ChargeLine, zone: ZoneInfo) -> str:
    """ "Fibre 500, 11–30 June 2026"; a line that gives back ends in ", credit"."""
    title = line.price.name
    if line.covers is not None and line.price.kind is PriceKind.RECURRING:
        title += f", {covers_text(line.covers, zone)}"
    return f"{title}, credit" if line.net.minor < 0 else title


def covers_text(period: Period, zone: ZoneInfo) -> str:
    """A period in days: "July 2026", "11–30 June 2026", "11 June–3 July 2026". Days are named as proration counts them:
    the day of the start is in, the day of the end is out, unless both are one day."""
    assert period.end is not None
    first = local_date(period.start, zone)
    last = max(first, local_date(period.end, zone) - timedelta(days=1))
    return days_text(first, last)


def days_text(first: date, last: date) -> str:
    """Two local days, both included: "July 2026", "11–30 June 2026", "11 June – 3 July 2026"."""
    if first.day == 1 and (last + timedelta(days=1)).day == 1 and (first.year, first.month) == (last.year, last.month):
        return f"{_MONTHS[first.month - 1]} {first.year}"
    if first == last:
        return _day(first, year=True)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{_day(last, year=True)}"
    return f"{_day(first, year=first.year != last.year)} – {_day(last, year=True)}"


def formula(line: ChargeLine, zone: ZoneInfo) -> str:
    """How the amount came about, with every number: "20 of 30 days of June 2026 × 40.00 = 26.6666…, rounded 26.67"."""
    price, net = line.price, line.net
    amount = amount_text(price.amount, price.currency)
    if price.kind is PriceKind.ONE_TIME:
        return f"{amount} once"
    if price.kind is PriceKind.USAGE:
        assert line.quantity is not None
        number = per_text(price.per, price.multiple)
        exact = price.amount * line.quantity / price.per
        return f"{quantity_text(line.quantity, price.multiple)} × {amount} per {number}{_rounded(exact, net)}"
    assert line.share is not None
    assert line.period is not None
    share = line.share
    if share.part == share.whole:
        return f"{amount} for {covers_text(line.period, zone)}"
    exact = price.amount * share.part / share.whole
    return f"{_share_text(share)} of {covers_text(line.period, zone)} × {amount}{_rounded(exact, net)}"


def quantity_text(quantity: int, multiple: str) -> str:
    """Base units in the unit of the price: 37250000000 octets at "GB" is "37.25 GB"."""
    return f"{plain(Decimal(quantity) / _size(multiple))} {multiple or 'units'}"


def per_text(per: int, multiple: str) -> str:
    """ "GB", or "100 MB" where the price is for more than one."""
    number = per // _size(multiple)
    return multiple if number == 1 else f"{number} {multiple}"


def plain(value: Decimal) -> str:
    """A decimal without an exponent and without needless zeros."""
    return f"{value.normalize():f}"


def amount_text(value: Decimal, currency: str) -> str:
    """An amount with at least the currency's decimals: 40.00, 0.10, 0.0015."""
    text = plain(value)
    whole, _, fraction = text.partition(".")
    places = decimals_of(currency)
    return f"{whole}.{fraction.ljust(places, '0')}" if places else text


def _rounded(exact: Decimal, net: Money) -> str:
    """ " = 3.725, rounded 3.73"; long fractions are cut, which the dots say."""
    if exact == net.amount:
        return f" = {net.amount}"
    cut = exact.quantize(Decimal("0.0001"), rounding=ROUND_DOWN)
    return f" = {plain(cut)}{'' if cut == exact else '…'}, rounded {net.amount}"


def _share_text(share: Share) -> str:
    if share.unit is ShareUnit.PERIOD:
        return "all" if share.part > 0 else "all given back"
    return f"{share.part} of {share.whole} {share.unit}s"


def date_text(day: date) -> str:
    """ "11 June 2026"."""
    return _day(day, year=True)


def _day(day: date, *, year: bool) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]}" + (f" {day.year}" if year else "")


def _size(multiple: str) -> int:
    return MULTIPLES[multiple][1] if multiple in MULTIPLES else 1
