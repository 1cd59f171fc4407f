"""What billing takes: totals to a cut-off, marked once; what comes late is in the next bill. And the counts agree."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.domain.usage.conftest import NOON, Operator, accounting
from trunkline.bss.usage import facade
from trunkline.bss.usage.contracts import Outcome, RawAccounting
from trunkline.bss.usage.resources import usages
from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.tmf.query import Clause, Query

GB = 10**9
LONG_AGO = NOON - timedelta(days=400)
FIRST_OF_JULY = datetime(2026, 6, 30, 22, tzinfo=UTC)
"""Midnight in Berlin."""
TEN_BEFORE = int((FIRST_OF_JULY - NOON).total_seconds()) - 600


async def bill(operator: Operator, until: datetime, name: str, *, meanwhile: RawAccounting | None = None) -> int:
    """Bill what is unbilled; `meanwhile` arrives between the totals and the mark."""
    async with operator.database.unit_of_work() as uow:
        marked = 0
        for total in await facade.unbilled_totals(uow, "acc-1", until, operator.context):
            if meanwhile is not None:
                await operator.take(meanwhile)
            marked += await facade.mark_billed(
                uow,
                account_id="acc-1",
                product_id=total.product_id,
                price_id=total.price_id,
                until=until,
                line_id=f"{name}-line",
                bill_id=name,
                context=operator.context,
                records=total.records,
            )
    return marked


async def test_a_session_over_the_border_belongs_to_the_period_in_which_it_was_counted(operator: Operator) -> None:
    await operator.bind("alice", await operator.product(), since=LONG_AGO)
    await operator.take(
        accounting("Start"),
        accounting("Interim-Update", TEN_BEFORE, 3 * GB),
        accounting("Interim-Update", TEN_BEFORE + 900, 5 * GB),
        accounting("Stop", TEN_BEFORE + 1_000, 6 * GB),
    )
    [june] = await operator.totals(until=FIRST_OF_JULY)
    assert (june.quantity, june.records) == (3 * GB, 1)
    assert await bill(operator, FIRST_OF_JULY, "june") == 1
    [july] = await operator.totals()
    assert (july.quantity, july.records) == (3 * GB, 2)


async def test_what_comes_after_its_period_was_billed_is_in_the_next_bill_once(operator: Operator) -> None:
    await operator.bind("alice", await operator.product(), since=LONG_AGO)
    await operator.take(accounting("Interim-Update", 300, GB))
    assert await bill(operator, FIRST_OF_JULY, "june") == 1
    assert await bill(operator, FIRST_OF_JULY, "june-again") == 0
    await operator.take(accounting("Interim-Update", 300, GB), accounting("Stop", 600, 3 * GB))
    [late] = await operator.totals(until=FIRST_OF_JULY + timedelta(days=31))
    assert (late.quantity, late.last_at) == (2 * GB, NOON + timedelta(seconds=600))
    assert await bill(operator, FIRST_OF_JULY + timedelta(days=31), "july") == 1
    assert await operator.totals() == []
    lines = await operator.rows("select bill_id, line_id, quantity from usage.usage order by occurred_at")
    assert [tuple(line.values()) for line in lines] == [("june", "june-line", GB), ("july", "july-line", 2 * GB)]
    assert await operator.findings() == []


async def test_usage_that_arrives_while_the_bill_is_made_refuses_it(operator: Operator) -> None:
    await operator.bind("alice", await operator.product(), since=LONG_AGO)
    await operator.take(accounting("Interim-Update", 300, GB))
    with pytest.raises(Conflict) as moved:
        await bill(operator, FIRST_OF_JULY, "june", meanwhile=accounting("Interim-Update", 600, 2 * GB))
    assert moved.value.code == "usageMoved"
    assert [t.quantity for t in await operator.totals()] == [2 * GB]


async def test_an_identifier_has_one_product_at_any_instant(operator: Operator) -> None:
    one, two = await operator.product(), await operator.product()
    await operator.bind("alice", one, since=NOON)
    await operator.bind("alice", one, since=NOON)
    with pytest.raises(Conflict) as taken:
        await operator.bind("alice", two, since=NOON + timedelta(days=1))
    assert taken.value.code == "identifierTaken"
    with pytest.raises(Invalid):
        await operator.bind("alice", two, since=NOON, kind="nickname")
    async with operator.database.unit_of_work() as uow:
        released = await facade.release_identifier(
            uow, "radius-user", "alice", NOON + timedelta(days=1), operator.context
        )
    assert released is not None
    assert released.valid_until == NOON + timedelta(days=1)
    await operator.bind("alice", two, since=NOON + timedelta(days=1))
    async with operator.database.read() as session:
        assert len(await facade.bindings_of(session, one, operator.context)) == 1
    at_border = [accounting("Stop", 0, GB, began=NOON + timedelta(days=1, seconds=s)) for s in (-1, 0)]
    await operator.take(at_border[0])
    await operator.take(accounting("Stop", 0, GB, began=NOON + timedelta(days=1), Acct_Session_Id="A2"))
    assert {t.product_id: t.quantity for t in await operator.totals()} == {one: GB, two: GB}


async def test_tmf635_shows_every_record_with_its_state_and_the_way_back(operator: Operator) -> None:
    product = await operator.product()
    await operator.bind("alice", product, since=LONG_AGO)
    await operator.take(
        accounting("Interim-Update", 300, 37_250_000_000),
        accounting("Interim-Update", 300, GB, User_Name="nobody", Acct_Session_Id="N1"),
        accounting("Interim-Update", 300, Acct_Output_Octets="many"),
    )
    await bill(operator, FIRST_OF_JULY, "june")
    async with operator.database.read() as session:
        documents = await usages.select(session, operator.context)
        of_product = await usages.select(
            session, operator.context, {"ratedProductUsage.productRef.id": product, "status": "billed"}
        )
        page = await usages.page(
            session, Query(clauses=(Clause("usageDate", "lt", ("2026-06-30T12:05:00Z",)),)), operator.context
        )
        billed = of_product[0]
        raw = await facade.raw_record(session, billed["id"], operator.context)
        with pytest.raises(NotFound):
            await facade.raw_record(session, "none", operator.context)
    assert [d["status"] for d in documents] == ["billed", "received", "rejected"]
    assert (page.total, len(of_product)) == (0, 1)
    assert (billed["usageDate"], billed["usageType"]) == ("2026-06-30T12:05:00.000Z", "data")
    values = {item["name"]: item["value"] for item in billed["usageCharacteristic"]}
    assert (values["quantity"], values["unit"], values["identifier"]) == (37_250_000_000, "octet", "alice")
    assert values["rawRecord"] == f"/trunkline/v1/usage/{billed['id']}/rawRecord"
    [rated] = billed["ratedProductUsage"]
    assert str(rated["taxExcludedRatingAmount"]["value"]) == "3.725"
    assert (rated["isBilled"], rated["productRef"]["id"]) == (True, product)
    assert raw.body["Acct-Output-Gigawords"] == 8
    assert documents[1]["description"].startswith("unknown-user: ")
    usages.view(billed)


@pytest.mark.parametrize(
    ("sql", "check"),
    [
        ("update usage.batch set records_in = records_in + 1", "a batch's records are those it took in"),
        ("delete from usage.raw_record where outcome = 'free'", "a batch's records are those it took in"),
        ("delete from usage.usage where quantity = 1000000000", "each rated record has one charge"),
        (
            "update usage.raw_record set outcome = 'free' where quantity = 1000000000",
            "records that are not rated have no charge",
        ),
        ("delete from usage.raw_record where quantity = 1000000000", "each charge has its record"),
        ("update usage.usage set quantity = quantity + 1", "a charge is for what its record counted"),
        ("update usage.session set output_octets = output_octets + 1", "increments add up to the session's counters"),
    ],
)
async def test_a_seeded_difference_is_found_and_named(operator: Operator, sql: str, check: str) -> None:
    await operator.bind("alice", await operator.product(), since=LONG_AGO)
    await operator.feed(
        [
            accounting("Start"),
            accounting("Interim-Update", 300, GB),
            accounting("Stop", 600, 3 * GB, User_Name="nobody"),
        ]
    )
    assert [r["outcome"] for r in await operator.rows("select outcome from usage.raw_record order by original_at")] == [
        Outcome.FREE,
        Outcome.RATED,
        Outcome.RATED,
    ]
    assert await operator.findings() == []
    async with operator.database.unit_of_work() as uow:
        assert await uow.execute(sql) > 0
    assert check in {finding.rule for finding in await operator.findings()}
