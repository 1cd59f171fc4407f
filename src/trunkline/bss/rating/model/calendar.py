"""Billing periods: months of an account that begin on its day, at local midnight."""

from datetime import date, datetime

from trunkline.bss.rating.contracts import Cycle
from trunkline.kernel.period import Period, day_start, local_date


def cycle_start(instant: datetime, cycle: Cycle) -> date:
    """The local day on which the billing month that contains the instant began."""
    day = local_date(instant, cycle.zone)
    first = day.replace(day=cycle.day_of_month)
    return first if first <= day else add_months(first, -1)


def add_months(first: date, months: int) -> date:
    """The same day of month (at most the 28th) some months later or earlier."""
    number = first.year * 12 + first.month - 1 + months
    return date(number // 12, number % 12 + 1, first.day)


def period_at(instant: datetime, anchor: datetime, months: int, cycle: Cycle) -> Period:
    """The period of `months` that contains the instant; periods are counted from the billing month of `anchor`."""
    origin, here = cycle_start(anchor, cycle), cycle_start(instant, cycle)
    distance = (here.year - origin.year) * 12 + here.month - origin.month
    first = add_months(origin, distance - distance % months)
    return period_from(first, months, cycle)


def period_from(first: date, months: int, cycle: Cycle) -> Period:
    """The period of `months` that begins on a local day."""
    return Period(day_start(first, cycle.zone), day_start(add_months(first, months), cycle.zone))
