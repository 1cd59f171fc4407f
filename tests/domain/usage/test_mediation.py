"""Records in, usage out: one outcome each, whatever comes twice, late, or out of order."""

import asyncio
import random
from datetime import timedelta

from tests.domain.usage.conftest import NOON, Operator, accounting, synthetic, truth
from trunkline.bss.usage import facade
from trunkline.bss.usage.contracts import Outcome

GB = 10**9
LONG_AGO = NOON - timedelta(days=400)


async def test_a_session_becomes_usage_at_the_price_as_sold(operator: Operator) -> None:
    product = await operator.product("0.10")
    await operator.bind("alice", product, since=LONG_AGO)
    results = await operator.take(
        accounting("Start"),
        accounting("Interim-Update", 300, 20 * GB),
        accounting("Interim-Update", 600, 37 * GB),
        accounting("Stop", 700, 37 * GB + GB // 4),
    )
    assert [(r.outcome, r.known) for r in results] == [
        (Outcome.FREE, False),
        (Outcome.RATED, False),
        (Outcome.RATED, False),
        (Outcome.RATED, False),
    ]
    [total] = await operator.totals()
    assert (total.product_id, total.price_id, total.usage_type, total.quantity, total.unit) == (
        product,
        "pop-1",
        "data",
        37_250_000_000,
        "octet",
    )
    assert (total.charge_micros, total.currency, total.records) == (3_725_000, "EUR", 3)
    assert (total.first_at, total.last_at) == (NOON + timedelta(seconds=300), NOON + timedelta(seconds=700))
    assert await operator.findings() == []


async def test_the_charge_of_a_session_does_not_depend_on_its_pieces(operator: Operator) -> None:
    """1,000 interims of 1,234 octets cost 0.1234 micros each: rounded one by one they would cost nothing."""
    await operator.bind("alice", await operator.product("0.10"), since=LONG_AGO)
    await operator.feed([accounting("Interim-Update", n, 1_234 * n) for n in range(1, 1_001)])
    [total] = await operator.totals()
    assert (total.quantity, total.charge_micros, total.records) == (1_234_000, 123, 1_000)


async def test_the_same_record_twice_changes_nothing(operator: Operator) -> None:
    await operator.bind("alice", await operator.product(), since=LONG_AGO)
    first = await operator.take(accounting("Interim-Update", 300, GB))
    before = await operator.rows("select * from usage.raw_record")
    again = await operator.take(accounting("Interim-Update", 300, GB, Acct_Delay_Time=9))
    assert [(r.outcome, r.known) for r in first + again] == [(Outcome.RATED, False), (Outcome.RATED, True)]
    assert await operator.rows("select * from usage.raw_record") == before
    assert [t.quantity for t in await operator.totals()] == [GB]


async def test_ten_senders_of_one_record_make_one_usage(operator: Operator) -> None:
    await operator.bind("alice", await operator.product(), since=LONG_AGO)
    results = await asyncio.gather(*(operator.take(accounting("Interim-Update", 300, GB)) for _ in range(10)))
    assert sorted(r.known for [r] in results) == [False] + [True] * 9
    assert [(t.quantity, t.records) for t in await operator.totals()] == [(GB, 1)]


async def test_concurrent_records_of_one_session_add_up(operator: Operator) -> None:
    await operator.bind("alice", await operator.product(), since=LONG_AGO)
    await asyncio.gather(*(operator.take(accounting("Interim-Update", 60 * n, n * GB)) for n in range(1, 21)))
    assert [t.quantity for t in await operator.totals()] == [20 * GB]
    assert await operator.findings() == []


async def test_synthetic_sessions_to_the_octet_in_any_order_and_fed_twice(operator: Operator) -> None:
    product = await operator.product("0.10")
    wanted = truth()
    for user in {t["user"] for t in wanted}:
        await operator.bind(user, product, since=LONG_AGO)
    records = synthetic()
    random.Random(7).shuffle(records)
    first = await operator.feed(records)
    stored = await operator.rows(
        "select session_id, nas, generation, input_octets, output_octets, closed_by from usage.session order by 1"
    )
    assert [(s["session_id"], s["generation"], s["input_octets"], s["output_octets"]) for s in stored] == sorted(
        (t["session"], 1, t["inputOctets"], t["outputOctets"]) for t in wanted
    )
    sum_octets = sum(t["inputOctets"] + t["outputOctets"] for t in wanted)
    [total] = await operator.totals()
    assert total.quantity == sum_octets
    assert abs(total.charge_micros * 10_000 - sum_octets) <= len(wanted) * 5_000, "half a micro a session at most"
    counts = first.counts
    assert (counts.records_in + counts.known, counts.suspended, counts.rejected) == (1_261, 0, 0)
    second = await operator.feed(synthetic(), sha256="other file")
    assert (second.counts.records_in, second.counts.known) == (0, 1_261)
    assert await operator.totals() == [total]
    assert await operator.findings() == []


async def test_who_is_not_known_waits_and_is_rated_when_bound(operator: Operator) -> None:
    start, interim, stop = accounting("Start"), accounting("Interim-Update", 300, GB), accounting("Stop", 600, 3 * GB)
    results = await operator.take(start, interim, stop)
    assert [(r.outcome, r.reason) for r in results] == [
        (Outcome.FREE, "nothing-new"),
        (Outcome.SUSPENDED, "unknown-user"),
        (Outcome.SUSPENDED, "unknown-user"),
    ]
    product = await operator.product()
    await operator.bind("alice", product, since=NOON + timedelta(seconds=400))
    [total] = await operator.totals()
    assert (total.quantity, total.records) == (2 * GB, 1), "only what lies in the binding's time"
    rows = await operator.rows("select outcome, reason, reprocessed_reason from usage.raw_record order by original_at")
    assert [tuple(row.values()) for row in rows] == [
        ("free", "nothing-new", None),
        ("suspended", "unknown-user", None),
        ("rated", None, "unknown-user"),
    ]
    assert await operator.findings() == []


async def test_the_last_record_after_release_goes_to_the_line_that_was_released(operator: Operator) -> None:
    product = await operator.product()
    await operator.bind("alice", product, since=LONG_AGO)
    await operator.take(accounting("Interim-Update", 300, GB))
    async with operator.database.unit_of_work() as uow:
        await facade.release_identifier(uow, "radius-user", "alice", NOON + timedelta(seconds=400), operator.context)
    [result] = await operator.take(accounting("Stop", 402, 2 * GB))
    assert result.outcome is Outcome.RATED
    [total] = await operator.totals()
    assert (total.product_id, total.quantity) == (product, 2 * GB)


async def test_free_is_what_has_no_price_or_costs_nothing(operator: Operator) -> None:
    await operator.bind("alice", await operator.product(None), since=LONG_AGO)
    await operator.bind("bob", await operator.product("0"), since=LONG_AGO)
    results = await operator.take(
        accounting("Interim-Update", 300, GB),
        accounting("Interim-Update", 300, GB, User_Name="bob", Acct_Session_Id="B1"),
    )
    assert [(r.outcome, r.reason) for r in results] == [(Outcome.FREE, "no-usage-price"), (Outcome.FREE, "price-zero")]
    assert await operator.totals() == []
    usage = await operator.rows("select quantity, charge_micros, price_id from usage.usage")
    assert [tuple(row.values()) for row in usage] == [(GB, 0, None), (GB, 0, None)], "seen, though free"
    assert await operator.findings() == []


async def test_a_product_that_is_gone_or_cannot_be_priced_suspends(operator: Operator) -> None:
    await operator.bind("alice", "no-such-product", since=LONG_AGO)
    await operator.bind("bob", await operator.product("0.10", unit="1 furlong"), since=LONG_AGO)
    results = await operator.take(
        accounting("Interim-Update", 300, GB),
        accounting("Interim-Update", 300, GB, User_Name="bob", Acct_Session_Id="B1"),
    )
    assert [(r.outcome, r.reason) for r in results] == [
        (Outcome.SUSPENDED, "unknown-product"),
        (Outcome.SUSPENDED, "unusable-price"),
    ]


async def test_what_cannot_be_counted_is_kept_with_its_reason_and_once(operator: Operator) -> None:
    bad = accounting("Interim-Update", 300, Acct_Output_Octets="many")
    assert [(r.outcome, r.reason, r.known) for r in await operator.take(bad, bad)] == [
        (Outcome.REJECTED, "invalid-number", False),
        (Outcome.REJECTED, "invalid-number", True),
    ]
    [row] = await operator.rows("select id, body from usage.raw_record")
    async with operator.database.read() as session:
        raw = await facade.raw_record(session, row["id"], operator.context)
    assert raw.body == bad.attributes
    assert await operator.findings() == []


async def test_accounting_on_closes_what_was_open_and_counts_nothing_twice(operator: Operator) -> None:
    await operator.bind("alice", await operator.product(), since=LONG_AGO)
    await operator.take(
        accounting("Interim-Update", 300, GB),
        accounting("Interim-Update", 300, GB, NAS_Identifier="bng-2"),
        accounting("Accounting-On", 900),
    )
    sessions = await operator.rows("select nas, closed_by, closed_at from usage.session order by nas")
    assert [tuple(s.values()) for s in sessions] == [
        ("bng-1", "restart", NOON + timedelta(seconds=900)),
        ("bng-2", None, None),
    ]
    again = NOON + timedelta(seconds=960)
    await operator.take(
        accounting("Start", 0, began=again),
        accounting("Stop", 350, 1_100_000_000),
        accounting("Stop", 60, 5, began=again),
    )
    sessions = await operator.rows(
        "select generation, closed_by, output_octets from usage.session where nas = 'bng-1' order by generation"
    )
    assert [tuple(s.values()) for s in sessions] == [(1, "stop", 1_100_000_000), (2, "stop", 5)]
    assert [t.quantity for t in await operator.totals()] == [GB + 1_100_000_005]
    assert await operator.findings() == []


async def test_a_lost_stop_is_seen_by_the_next_session_on_the_port_or_by_silence(operator: Operator) -> None:
    await operator.take(
        accounting("Start"), accounting("Start", 0, began=NOON + timedelta(hours=1), Acct_Session_Id="A2")
    )
    async with operator.database.unit_of_work() as uow:
        closed = await facade.close_idle_sessions(
            uow, operator.context, silent_since=NOON + timedelta(hours=2), at=NOON + timedelta(hours=3)
        )
    sessions = await operator.rows("select session_id, closed_by from usage.session order by session_id")
    assert (closed, [tuple(s.values()) for s in sessions]) == (1, [("A1", "successor"), ("A2", "inactivity")])


async def test_a_live_network_is_in_the_installations_time_and_keeps_its_own(operator: Operator) -> None:
    await operator.bind("alice", await operator.product(), since=LONG_AGO)
    await operator.take(accounting("Interim-Update", 300, GB, shift=timedelta(days=-19)))
    [row] = await operator.rows("select original_at, occurred_at from usage.raw_record")
    assert row["original_at"] == NOON + timedelta(seconds=300)
    assert row["occurred_at"] == NOON + timedelta(seconds=300) - timedelta(days=19)
    assert (await operator.totals())[0].last_at == row["occurred_at"]


async def test_a_session_that_begins_on_the_network_is_announced_once(operator: Operator) -> None:
    await operator.take(accounting("Start"), accounting("Start"), accounting("Interim-Update", 300, GB))
    events = await operator.rows("select type, resource_id, payload from kernel.outbox")
    assert [(e["type"], e["resource_id"]) for e in events] == [("UsageSessionStarted", "bng-1/A1/1")]
    assert '"alice"' in events[0]["payload"]


async def test_another_tenant_sees_and_shares_nothing(operator: Operator) -> None:
    await operator.bind("alice", await operator.product(), since=LONG_AGO)
    await operator.take(accounting("Interim-Update", 300, GB))
    operator.context = type(operator.context)(
        **{f: getattr(operator.context, f) for f in operator.context.__struct_fields__} | {"tenant": "t2"}
    )
    assert await operator.totals() == []
    [result] = await operator.take(accounting("Interim-Update", 300, GB))
    assert (result.outcome, result.known) == (Outcome.SUSPENDED, False)
