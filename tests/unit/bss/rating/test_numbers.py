"""Worked numbers: the stories' figures and every proration policy, to the cent."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from trunkline.bss.rating.contracts import (
    Cycle,
    Policy,
    Price,
    PriceKind,
    ProrationPolicy,
    Share,
    ShareUnit,
    TaxRate,
    Timing,
)
from trunkline.bss.rating.facade import (
    formula,
    line_title,
    one_time_line,
    prorate,
    rate_usage,
    recurring_lines,
    share_of,
    totals,
    usage_line,
)
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Micros, Money
from trunkline.kernel.period import Period
from trunkline.kernel.quantity import Unit

BERLIN = ZoneInfo("Europe/Berlin")
CYCLE = Cycle(day_of_month=1, zone=BERLIN)
VAT = (TaxRate("VAT", Decimal(19)),)
MONTHLY = Price(id="p1", name="Fibre 500", kind=PriceKind.RECURRING, amount=Decimal("40.00"), currency="EUR", taxes=VAT)
INSTALL = Price(
    id="p2", name="Installation", kind=PriceKind.ONE_TIME, amount=Decimal("50.00"), currency="EUR", taxes=VAT
)
PER_GB = Price(
    id="p3", name="Volume", kind=PriceKind.USAGE, amount=Decimal("0.10"), currency="EUR", taxes=VAT,
    per=10**9, unit=Unit.OCTET, multiple="GB",
)  # fmt: skip
DAY = Policy()


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def month(first: str, after: str, zone: ZoneInfo = BERLIN) -> Period:
    return Period(at(first, zone), at(after, zone))


def eur(text: str) -> Money:
    return Money.of(text, "EUR")


def priced(amount: str, **changed: object) -> Price:
    fields = {field: getattr(MONTHLY, field) for field in MONTHLY.__struct_fields__}
    return Price(**{**fields, "amount": Decimal(amount), **changed})


def test_s1_first_bill_on_1_july_in_advance() -> None:
    active = Period(at("2026-06-11T15:20"))
    result = recurring_lines(MONTHLY, active, None, at("2026-07-01"), CYCLE, DAY)
    june, july = result.lines
    assert (june.net, june.share) == (eur("26.67"), Share(20, 30, ShareUnit.DAY))
    assert (july.net, july.share) == (eur("40.00"), Share(31, 31, ShareUnit.DAY))
    assert result.charged == Period(active.start, at("2026-08-01"))
    volume = usage_line(PER_GB, quantity=37_250_000_000, records=9, covers=month("2026-06-11", "2026-07-01"))
    assert volume.net == eur("3.73")
    sums = totals([one_time_line(INSTALL), june, july, volume], "EUR")
    assert (sums.net, sums.tax, sums.gross) == (eur("120.40"), eur("22.88"), eur("143.28"))
    assert [line_title(line, BERLIN) for line in (june, july)] == ["Fibre 500, 11–30 June 2026", "Fibre 500, July 2026"]
    assert formula(june, BERLIN) == "20 of 30 days of June 2026 × 40.00 = 26.6666…, rounded 26.67"
    assert formula(july, BERLIN) == "40.00 for July 2026"
    assert formula(volume, BERLIN) == "37.25 GB × 0.10 per GB = 3.725, rounded 3.73"


def test_a_usage_line_is_the_price_of_its_total_however_many_sessions_made_it() -> None:
    sessions = [164_710_406, *[4_635_661_199] * 7, 4_635_661_201]
    assert sum(sessions) == 37_250_000_000
    charges = sum(rate_usage(octets, PER_GB).micros for octets in sessions)
    assert charges == 3_724_999, "each rounded by itself, they miss the border of half a cent"
    line = usage_line(PER_GB, quantity=sum(sessions), records=9, covers=month("2026-06-11", "2026-07-01"))
    assert line.net == eur("3.73")
    assert formula(line, BERLIN) == "37.25 GB × 0.10 per GB = 3.725, rounded 3.73"


def test_s1_mutants_change_the_figure() -> None:
    active = Period(at("2026-06-11T15:20"))
    for policy, net in ((ProrationPolicy.FULL, "80.00"), (ProrationPolicy.NONE, "40.00")):
        lines = recurring_lines(MONTHLY, active, None, at("2026-07-01"), CYCLE, Policy(proration=policy)).lines
        assert sum((line.net for line in lines), eur("0")) == eur(net)
    ordered = recurring_lines(MONTHLY, Period(at("2026-06-03T10:00")), None, at("2026-07-01"), CYCLE, DAY).lines
    assert [line.net for line in ordered] == [eur("37.33"), eur("40.00")]


def test_s8_upgrade_on_16_june_credits_15_and_charges_25() -> None:
    old, new = priced("30.00", name="Fibre 300"), priced("50.00", id="p9")
    change, july = at("2026-06-16"), at("2026-07-01")
    credit = recurring_lines(old, Period(at("2026-06-01"), change), month("2026-06-01", "2026-07-01"), july, CYCLE, DAY)
    charge = recurring_lines(new, Period(change), None, july, CYCLE, DAY)
    assert [line.net for line in credit.lines] == [eur("-15.00")]
    assert [line.net for line in charge.lines] == [eur("25.00"), eur("50.00")]
    assert [line_title(line, BERLIN) for line in (*credit.lines, *charge.lines)] == [
        "Fibre 300, 16–30 June 2026, credit",
        "Fibre 500, 16–30 June 2026",
        "Fibre 500, July 2026",
    ]
    assert formula(credit.lines[0], BERLIN) == "-15 of 30 days of June 2026 × 30.00 = -15.00"
    again = recurring_lines(old, Period(at("2026-06-01"), change), credit.charged, july, CYCLE, DAY)
    assert again.lines == ()


def test_s11_in_arrears_half_a_month() -> None:
    sim = priced("1.00", timing=Timing.IN_ARREARS)
    full = recurring_lines(sim, Period(at("2026-06-01")), None, at("2026-07-01"), CYCLE, DAY)
    half = recurring_lines(sim, Period(at("2026-06-16")), None, at("2026-07-01"), CYCLE, DAY)
    assert [line.net for line in full.lines] == [eur("1.00")]
    assert [line.net for line in half.lines] == [eur("0.50")]
    assert full.charged == month("2026-06-01", "2026-07-01")


def test_arrears_charge_what_an_ended_product_had_left() -> None:
    sim = priced("31.00", timing=Timing.IN_ARREARS)
    ended = Period(at("2026-06-01"), at("2026-07-11"))
    at_july = recurring_lines(sim, ended, None, at("2026-07-12"), CYCLE, DAY)
    assert [line.net for line in at_july.lines] == [eur("31.00"), eur("10.00")]


@pytest.mark.parametrize(
    ("policy", "start", "end", "expected"),
    [
        (ProrationPolicy.NONE, "2026-06-11", "2026-07-01", "0.00"),
        (ProrationPolicy.NONE, "2026-06-01", "2026-07-01", "40.00"),
        (ProrationPolicy.FULL, "2026-06-30T23:59", "2026-07-01", "40.00"),
        (ProrationPolicy.FULL, "2026-07-01", "2026-07-02", "0.00"),
        (ProrationPolicy.DAY, "2026-06-11T00:00", "2026-07-01", "26.67"),
        (ProrationPolicy.DAY, "2026-06-11T23:59:59", "2026-07-01", "26.67"),
        (ProrationPolicy.DAY, "2026-06-11T10:00", "2026-06-11T18:00", "0.00"),
        (ProrationPolicy.DAY, "2026-06-11T10:00", "2026-06-12T00:00", "1.33"),
        (ProrationPolicy.SECOND, "2026-06-11T12:00", "2026-07-01", "26.00"),
        (ProrationPolicy.SECOND, "2026-06-11T10:00", "2026-06-11T18:00", "0.44"),
    ],
)
def test_four_policies(policy: ProrationPolicy, start: str, end: str, expected: str) -> None:
    june = month("2026-06-01", "2026-07-01")
    assert prorate(eur("40.00"), june, month(start, end), policy, BERLIN) == eur(expected)


def test_days_of_a_clock_change_count_as_one() -> None:
    march, october = month("2026-03-01", "2026-04-01"), month("2026-10-01", "2026-11-01")
    assert share_of(march, month("2026-03-29", "2026-03-30"), ProrationPolicy.DAY, BERLIN) == Share(
        1, 31, ShareUnit.DAY
    )
    assert share_of(october, month("2026-10-25", "2026-10-26"), ProrationPolicy.DAY, BERLIN) == Share(
        1, 31, ShareUnit.DAY
    )
    short = share_of(march, month("2026-03-29", "2026-03-30"), ProrationPolicy.SECOND, BERLIN)
    long = share_of(october, month("2026-10-25", "2026-10-26"), ProrationPolicy.SECOND, BERLIN)
    assert (short.part, short.whole) == (23 * 3600, 31 * 86_400 - 3600)
    assert (long.part, long.whole) == (25 * 3600, 31 * 86_400 + 3600)


def test_where_midnight_does_not_exist() -> None:
    santiago = ZoneInfo("America/Santiago")
    september = month("2026-09-01", "2026-10-01", santiago)
    day = Period(at("2026-09-06T01:00", santiago), at("2026-09-07T00:00", santiago))
    assert share_of(september, day, ProrationPolicy.DAY, santiago) == Share(1, 30, ShareUnit.DAY)


def test_leap_day() -> None:
    for year, days in ((2024, 29), (2026, 28), (2100, 28)):
        whole = month(f"{year}-02-01", f"{year}-03-01")
        share = share_of(whole, month(f"{year}-02-28", f"{year}-03-01"), ProrationPolicy.DAY, BERLIN)
        assert share == Share(days - 27, days, ShareUnit.DAY)
    assert prorate(
        eur("29.00"), month("2024-02-01", "2024-03-01"), month("2024-02-29", "2024-03-01"), ProrationPolicy.DAY, BERLIN
    ) == eur("1.00")


def test_change_twice_on_one_day_leaves_the_last_price() -> None:
    """30.00 → 50.00 at 09:00 → 20.00 at 17:00 on the same day: that day is charged at 20.00."""
    july = at("2026-07-01")
    spans = [
        ("30.00", "2026-06-01", "2026-06-16T09:00"),
        ("50.00", "2026-06-16T09:00", "2026-06-16T17:00"),
        ("20.00", "2026-06-16T17:00", "2026-07-01"),
    ]
    nets = [
        [line.net for line in recurring_lines(priced(amount), Period(at(a), at(b)), None, july, CYCLE, DAY).lines]
        for amount, a, b in spans
    ]
    assert nets == [[eur("15.00")], [], [eur("10.00")]]


def test_cycle_on_another_day_and_a_yearly_price() -> None:
    mid = Cycle(day_of_month=15, zone=BERLIN)
    monthly = recurring_lines(priced("30.00"), Period(at("2026-06-20")), None, at("2026-07-15"), mid, DAY)
    assert [(line.net, line.share) for line in monthly.lines] == [
        (eur("25.00"), Share(25, 30, ShareUnit.DAY)),
        (eur("30.00"), Share(31, 31, ShareUnit.DAY)),
    ]
    yearly = recurring_lines(
        priced("365.00", period_months=12), Period(at("2026-06-11")), None, at("2026-07-01"), CYCLE, DAY
    )
    assert [(line.net, line.share) for line in yearly.lines] == [(eur("355.00"), Share(355, 365, ShareUnit.DAY))]
    assert (
        recurring_lines(
            priced("365.00", period_months=12), Period(at("2026-06-11")), yearly.charged, at("2026-08-01"), CYCLE, DAY
        ).lines
        == ()
    )


def test_a_product_that_ends_inside_what_was_charged_gives_the_rest_back() -> None:
    charged = month("2026-06-11", "2026-08-01")
    ended = Period(at("2026-06-11"), at("2026-07-10T12:00"))
    result = recurring_lines(MONTHLY, ended, charged, at("2026-08-01"), CYCLE, DAY)
    assert [(line.net, line.share) for line in result.lines] == [(eur("-28.39"), Share(-22, 31, ShareUnit.DAY))]
    assert result.charged == ended
    assert recurring_lines(MONTHLY, ended, result.charged, at("2026-09-01"), CYCLE, DAY).lines == ()


def test_usage_is_rounded_in_micros_and_once_on_the_line() -> None:
    assert rate_usage(1, PER_GB) == Micros(0, "EUR")
    assert rate_usage(5_000, PER_GB) == Micros(1, "EUR")
    assert rate_usage(10**9, PER_GB) == Micros(100_000, "EUR")
    with pytest.raises(Invalid):
        rate_usage(-1, PER_GB)
    with pytest.raises(Invalid):
        rate_usage(1, MONTHLY)


def test_tax_is_rounded_once_per_rate_and_the_lines_taxes_add_up() -> None:
    cheap = Price(id="x", name="x", kind=PriceKind.ONE_TIME, amount=Decimal("0.03"), currency="EUR", taxes=VAT)
    sums = totals([one_time_line(cheap)] * 3, "EUR")
    assert sums.tax == eur("0.02")  # 0.09 × 19 % = 0.0171; line by line it would be 3 × 0.01
    assert sum((own.tax for line in sums.by_line for own in line), eur("0")) == sums.tax


def test_a_line_in_another_currency_is_refused() -> None:
    with pytest.raises(Invalid, match="cannot be combined"):
        totals([one_time_line(INSTALL)], "CHF")
