"""Lines of a recurring price: what has become due, or is to be given back, since it was last charged."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from trunkline.bss.rating.contracts import ChargeLine, Cycle, Policy, Price, ProrationPolicy, Share, Timing
from trunkline.bss.rating.model.calendar import period_at
from trunkline.bss.rating.model.proration import amount_of, share_of
from trunkline.kernel.errors import Invalid
from trunkline.kernel.period import Period

PERIODS_MAX = 240
"""Most periods one price may be behind; more means a wrong start date."""


class Recurring(msgspec.Struct, frozen=True, kw_only=True):
    """The lines, and how far the price is charged with them. `charged` None: nothing was due and nothing charged."""

    lines: tuple[ChargeLine, ...]
    charged: Period | None


def recurring_lines(
    price: Price, active: Period, charged: Period | None, cut_off: datetime, cycle: Cycle, policy: Policy
) -> Recurring:
    """The lines that a bill at `cut_off` holds for one recurring price of one product.

    active   when the product was, is or will be active at this price; open end while nobody ended it
    charged  the part of it that earlier bills have charged, None before the first
    cut_off  instant of the bill; what ends after it but is known already counts

    In advance, periods that have begun at `cut_off` are charged whole; in arrears, those that have ended, and what a
    product that ended had left. A product that ended earlier than it was charged gives the rest back, at the price and
    by the policy it was charged. Each line is (share due now − share charged before) × price, rounded once.
    """
    due = _due(price, active, charged, cut_off, cycle)
    lines = []
    for period in _periods(price, active, charged, due, cycle):
        before = share_of(period, charged, policy.proration, cycle.zone)
        after = share_of(period, due, policy.proration, cycle.zone)
        share = Share(after.part - before.part, after.whole, after.unit)
        if share.part == 0:
            continue
        covers = _difference(period, charged, due) if policy.proration is not ProrationPolicy.NONE else period
        net = amount_of(price.amount, price.currency, share)
        lines.append(ChargeLine(price=price, net=net, covers=covers, period=period, share=share))
    return Recurring(lines=tuple(lines), charged=due or (charged and Period(charged.start, charged.start)))


def _due(price: Price, active: Period, charged: Period | None, cut_off: datetime, cycle: Cycle) -> Period | None:
    """The part of the product's life that should be charged once this bill is made.

    What was charged stays charged unless the product ended before: a bill for an earlier day than the last one, made up
    for later, gives nothing back.
    """
    if active.end is not None and active.end <= active.start:
        return None
    until = None if charged is None else charged.end
    if active.start <= cut_off:
        current = period_at(cut_off, active.start, price.period_months, cycle)
        assert current.end is not None
        reached = current.end if price.timing is Timing.IN_ADVANCE else current.start
        if active.end is not None and active.end <= cut_off:
            reached = active.end
        until = reached if until is None else max(until, reached)
    if until is None:
        return None
    if active.end is not None:
        until = min(until, active.end)
    return Period(active.start, until) if until > active.start else None


def _periods(
    price: Price, active: Period, charged: Period | None, due: Period | None, cycle: Cycle
) -> Iterator[Period]:
    """The periods in which what is due may differ from what was charged, in order."""
    known = [part for part in (charged, due) if part is not None]
    if not known:
        return
    until = max(part.end for part in known if part.end is not None)
    at = min(part.start for part in known)
    if charged is not None and due is not None and charged.start == due.start:
        at = min(part.end for part in known if part.end is not None)
    for _ in range(PERIODS_MAX):
        if at >= until:
            return
        period = period_at(at, active.start, price.period_months, cycle)
        yield period
        assert period.end is not None
        at = period.end
    raise Invalid(
        "tooManyPeriods", f"More than {PERIODS_MAX} periods are to be charged at once; check the product's start date."
    )


def _difference(period: Period, charged: Period | None, due: Period | None) -> Period:
    """The instants of the period that a line pays for or gives back."""
    before = period.overlap(charged) if charged else None
    after = period.overlap(due) if due else None
    if before is None or after is None:
        return before or after or period
    assert before.end is not None
    assert after.end is not None
    if before.start != after.start:
        return Period(min(before.start, after.start), max(before.end, after.end))
    return Period(min(before.end, after.end), max(before.end, after.end))
