"""Laws of proration and tax that hold for any dates, zones and amounts."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from trunkline.bss.rating.contracts import Cycle, Policy, Price, PriceKind, ProrationPolicy, TaxRate, Timing
from trunkline.bss.rating.facade import one_time_line, period_at, prorate, recurring_lines, share_of, totals
from trunkline.kernel.money import Money, round_half_up
from trunkline.kernel.period import Period, day_start, local_date

ZONES = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago", "UTC"]
)
POLICIES = st.sampled_from(list(ProrationPolicy))
COUNTED = st.sampled_from([ProrationPolicy.DAY, ProrationPolicy.SECOND])
FIRST = datetime(2023, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 3 * 365 * 86_400).map(lambda seconds: FIRST + timedelta(seconds=seconds))
CENTS = st.integers(0, 100_000)
DAYS = st.integers(1, 28)


def price_of(cents: int, **changed: object) -> Price:
    return Price(
        id="p",
        name="p",
        kind=PriceKind.RECURRING,
        amount=Decimal(cents).scaleb(-2),
        currency="EUR",
        **changed,  # type: ignore[arg-type]
    )


@given(ZONES, DAYS, INSTANTS, st.lists(INSTANTS, max_size=6), COUNTED, CENTS)
def test_the_pieces_of_a_period_add_up_to_the_whole(
    zone: str, day: int, instant: datetime, cuts: list[datetime], policy: ProrationPolicy, cents: int
) -> None:
    place = ZoneInfo(zone)
    period = period_at(instant, instant, 1, Cycle(day_of_month=day, zone=place))
    assert period.end is not None
    edges = sorted({period.start, period.end, *(cut for cut in cuts if cut in period)})
    pieces = [Period(a, b) for a, b in pairwise(edges)]
    shares = [share_of(period, piece, policy, place) for piece in pieces]
    assert sum(share.part for share in shares) == shares[0].whole
    price = Money(cents, "EUR")
    parts = [prorate(price, period, piece, policy, place) for piece in pieces]
    assert all(part.minor >= 0 for part in parts)
    assert abs(sum(part.minor for part in parts) - cents) <= len(parts)


@given(ZONES, INSTANTS, INSTANTS, POLICIES, CENTS)
def test_never_negative_never_more_than_the_price(
    zone: str, instant: datetime, other: datetime, policy: ProrationPolicy, cents: int
) -> None:
    place = ZoneInfo(zone)
    period = period_at(instant, instant, 1, Cycle(day_of_month=1, zone=place))
    part = prorate(Money(cents, "EUR"), period, Period(min(instant, other), max(instant, other)), policy, place)
    assert 0 <= part.minor <= cents


@given(ZONES, st.lists(INSTANTS, min_size=2, max_size=6, unique=True), st.lists(CENTS, min_size=5, max_size=5))
def test_changes_of_price_cost_the_daily_integral(zone: str, changes: list[datetime], cents: list[int]) -> None:
    """S8's oracle: whatever the changes, a month's lines equal the sum over its days of the price in force at the day's
    local end ÷ days of the month, within one cent a line."""
    place = ZoneInfo(zone)
    cycle = Cycle(day_of_month=1, zone=place)
    changes = sorted(changes)
    spans = [(Period(a, b), cents[n]) for n, (a, b) in enumerate(pairwise(changes))]
    month = period_at(changes[-1], changes[-1], 1, cycle)
    lines, integral = [], Decimal(0)
    for active, price in spans:
        result = recurring_lines(price_of(price), active, None, month.start, cycle, Policy())
        lines += [line for line in result.lines if line.period == month]
    assert month.end is not None
    day = local_date(month.start, place)
    days = (local_date(month.end, place) - day).days
    for n in range(days):
        end = day_start(day + timedelta(days=n + 1), place)
        for active, price in spans:
            assert active.end is not None
            if active.start < end <= active.end and active.start <= month.start:
                integral += Decimal(price) / days
    assert abs(sum(line.net.minor for line in lines) - integral) <= max(len(lines), 1)


@given(
    ZONES,
    DAYS,
    INSTANTS,
    st.one_of(st.none(), INSTANTS),
    st.lists(INSTANTS, min_size=1, max_size=5),
    POLICIES,
    st.sampled_from(list(Timing)),
    st.sampled_from([1, 3, 12]),
    CENTS,
)
def test_bills_in_between_change_nothing_but_cents(
    zone: str,
    day: int,
    start: datetime,
    end: datetime | None,
    cut_offs: list[datetime],
    policy: ProrationPolicy,
    timing: Timing,
    months: int,
    cents: int,
) -> None:
    """However often a product was billed on the way, and whenever its end became known, the sum of its shares is what
    one bill at the end charges."""
    assume(end is None or end > start)
    cycle = Cycle(day_of_month=day, zone=ZoneInfo(zone))
    price = price_of(cents, timing=timing, period_months=months)
    rules = Policy(proration=policy)
    charged: Period | None = None
    shares: dict[Period | None, int] = {}
    for cut_off in sorted(cut_offs):
        known = Period(start, end) if end is not None and end <= cut_off else Period(start)
        result = recurring_lines(price, known, charged, cut_off, cycle, rules)
        charged = result.charged
        for line in result.lines:
            assert line.share is not None
            shares[line.period] = shares.get(line.period, 0) + line.share.part
        assert recurring_lines(price, known, charged, cut_off, cycle, rules).lines == ()
    once = recurring_lines(price, known, None, max(cut_offs), cycle, rules)
    assert {period: part for period, part in shares.items() if part} == {
        line.period: line.share.part for line in once.lines if line.share
    }


@given(st.lists(st.tuples(st.integers(-10_000, 10_000), st.sampled_from(["0", "7", "19", "5.5"])), max_size=12))
def test_tax_of_the_lines_adds_up_and_is_half_up_on_the_sum(items: list[tuple[int, str]]) -> None:
    lines = [one_time_line(price_of(cents, taxes=(TaxRate("VAT", Decimal(rate)),))) for cents, rate in items]
    sums = totals(lines, "EUR")
    assert sums.net.minor == sum(cents for cents, _ in items)
    for amount in sums.taxes:
        base = sum(cents for cents, rate in items if Decimal(rate) == amount.rate.percent)
        assert amount.tax.minor == int(round_half_up(Decimal(base) * amount.rate.percent / 100))
    assert sum(own.tax.minor for line in sums.by_line for own in line) == sums.tax.minor
    assert sums.gross == sums.net + sums.tax
