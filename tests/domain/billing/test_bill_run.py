"""Bill runs on real rows: S1's figures, once and only once, killed and taken up again."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from tests.domain.billing.scene import INSTALL, MONTHLY, PER_GB, Scene, at, sold
from trunkline.bss.account.resources import billing_cycle_specifications
from trunkline.bss.billing.contracts import AccountOutcome, BillRunView, OutcomeKind, RunBills
from trunkline.bss.billing.facade import (
    BillAccount,
    bill_account,
    billing_findings,
    explain_bill,
    get_run,
    issued,
    render,
    run_bills,
)
from trunkline.bss.billing.resources import applied_customer_billing_rates, bill_cycles, customer_bills
from trunkline.bss.product_inventory.resources import products
from trunkline.kernel.errors import Invalid
from trunkline.kernel.ids import new_id
from trunkline.kernel.tmf import Document

FIRST_OF_JULY = RunBills(cut_off_date=date(2026, 7, 1), cycle="monthly-1")


async def run(scene: Scene, command: RunBills = FIRST_OF_JULY, run_id: str | None = None) -> BillRunView:
    return await run_bills(scene.database, run_id or new_id(), command, scene.context)


async def bills(scene: Scene, account_id: str) -> list[Document]:
    async with scene.database.read() as session:
        return await customer_bills.select(session, scene.context, {"billingAccount.id": account_id})


async def lines(scene: Scene, bill_id: str) -> list[Document]:
    async with scene.database.read() as session:
        return await applied_customer_billing_rates.select(session, scene.context, {"bill.id": bill_id})


async def nets(scene: Scene, account_id: str) -> list[list[tuple[str, str]]]:
    return [
        [(line["name"], str(line["taxExcludedAmount"]["value"])) for line in await lines(scene, bill["id"])]
        for bill in await bills(scene, account_id)
    ]


async def sound(scene: Scene) -> None:
    async with scene.database.read() as session:
        assert await billing_findings(session, scene.context) == []


async def change_cycle(scene: Scene, **changed: Any) -> None:
    scene.now += timedelta(seconds=1)  # later than the bills that were made by the old terms
    async with scene.database.unit_of_work() as uow:
        await billing_cycle_specifications.patch(uow, "monthly-1", changed, scene.context)


async def test_s1_bills_what_it_computes_and_explains_it(scene: Scene) -> None:
    account_id = await scene.first_line()
    view = await run(scene)
    assert (view.state, view.billed, view.failed, view.failures) == ("completed", 1, 0, [])
    (bill,) = await bills(scene, account_id)
    assert bill["billNo"] == "NL-2026-000001"
    assert (bill["runType"], bill["category"], bill["state"]) == ("onCycle", "normal", "validated")
    assert bill["taxExcludedAmount"] == {"unit": "EUR", "value": Decimal("120.40")}
    assert bill["taxIncludedAmount"] == {"unit": "EUR", "value": Decimal("143.28")}
    assert [(tax["taxCategory"], tax["taxRate"], tax["taxAmount"]["value"]) for tax in bill["taxItem"]] == [
        ("VAT", 19, Decimal("22.88"))
    ]
    assert (bill["billDate"], bill["paymentDueDate"]) == ("2026-06-30T22:00:00.000Z", "2026-07-14T22:00:00.000Z")
    assert await nets(scene, account_id) == [
        [
            ("Installation", "50.00"),
            ("Fibre 500, 11–30 June 2026", "26.67"),
            ("Fibre 500, July 2026", "40.00"),
            ("Data per GB", "3.73"),
        ]
    ]
    async with scene.database.read() as session:
        told = await explain_bill(session, bill["id"], scene.context)
        cycles = await bill_cycles.select(session, scene.context)
    assert [
        (line.net, line.days, line.period_days, line.usage.records if line.usage else None) for line in told.lines
    ] == [
        ("50.00", None, None, None),
        ("26.67", 20, 30, None),
        ("40.00", 31, 31, None),
        ("3.73", None, None, 9),
    ]
    assert told.lines[1].text == (
        "Fibre 500, 11–30 June 2026: 20 of 30 days of June 2026 × 40.00 = 26.6666…, rounded 26.67"
    )
    assert told.taxes[0].text == "VAT: 19 % of 120.40 = 22.876, rounded 22.88"
    assert {line.product_order.id for line in told.lines if line.product_order} == {"order-1"}
    assert (told.net, told.tax, told.gross) == ("120.40", "22.88", "143.28")
    assert [cycle["BillCycleSpecification"]["id"] for cycle in cycles] == ["monthly-1"]
    await sound(scene)


async def test_the_lines_of_the_bill_add_up_with_their_taxes(scene: Scene) -> None:
    account_id = await scene.first_line()
    await run(scene)
    (bill,) = await bills(scene, account_id)
    charged = await lines(scene, bill["id"])
    assert sum(line["taxIncludedAmount"]["value"] for line in charged) == Decimal("143.28")
    assert sum(tax["taxAmount"]["value"] for line in charged for tax in line["appliedTax"]) == Decimal("22.88")
    assert {line["appliedBillingRateType"] for line in charged} == {"oneTimeCharge", "recurringCharge", "usageCharge"}


async def test_events_and_audit_come_with_the_bill(scene: Scene) -> None:
    account_id = await scene.first_line()
    await run(scene)
    (bill,) = await bills(scene, account_id)
    async with scene.database.read() as session:
        told = await session.fetch(
            "select type, resource_id, payload from kernel.outbox where tenant = $1 and source = 'billing'",
            scene.tenant,
        )
        audited = await session.fetch_value(
            "select count(*) from kernel.audit where tenant = $1 and resource = 'customerBill'", scene.tenant
        )
    assert [(row["type"], row["resource_id"]) for row in told] == [("CustomerBillCreateEvent", bill["id"])]
    assert audited == 1


async def test_running_again_changes_nothing(scene: Scene) -> None:
    account_id = await scene.first_line()
    run_id = new_id()
    await run(scene, run_id=run_id)
    before = (await bills(scene, account_id), await nets(scene, account_id))
    again = await run(scene, run_id=run_id)
    assert (again.billed, again.already_billed) == (1, 0)
    other = await run(scene)
    assert (other.billed, other.already_billed) == (0, 1)
    assert (await bills(scene, account_id), await nets(scene, account_id)) == before
    await sound(scene)


async def test_next_month_charges_only_what_is_new(scene: Scene) -> None:
    account_id = await scene.first_line()
    await run(scene)
    await scene.use(f"line-{account_id}", [10**9], day=30, month=6)  # arrives late, belongs to the next bill
    scene.now = at("2026-08-01T06:00:00+02:00")
    await run(scene, RunBills(cut_off_date=date(2026, 8, 1), cycle="monthly-1"))
    assert (await nets(scene, account_id))[1] == [("Fibre 500, August 2026", "40.00"), ("Data per GB", "0.10")]
    await sound(scene)


@pytest.mark.pg_matrix
async def test_two_runs_at_once_make_one_bill_an_account(scene: Scene) -> None:
    accounts = [await scene.first_line() for _ in range(4)]
    views = await asyncio.gather(*(run(scene) for _ in range(3)))
    assert sum(view.billed for view in views) == 4
    assert sum(view.already_billed for view in views) == 8
    assert [len(await bills(scene, account_id)) for account_id in accounts] == [1, 1, 1, 1]
    await sound(scene)


class Killed(BaseException):
    """Stands for a process that dies: nothing of the program may catch it."""


@pytest.mark.parametrize("dies_after", [0, 1, 2, 3])
async def test_a_run_that_dies_is_taken_up_where_it_was(scene: Scene, dies_after: int) -> None:
    accounts = [await scene.first_line() for _ in range(4)]
    run_id = new_id()

    async def die(done: int, total: int | None) -> None:
        assert total == 4
        if done > dies_after:
            raise Killed

    with pytest.raises(Killed):
        await run_bills(scene.database, run_id, FIRST_OF_JULY, scene.context, die)
    async with scene.database.read() as session:
        assert (await get_run(session, run_id, scene.context)).state == "running"
    view = await run(scene, run_id=run_id)
    assert (view.state, view.billed, view.already_billed) == ("completed", 4, 0)
    numbers = sorted([bill["billNo"] for account_id in accounts for bill in await bills(scene, account_id)])
    assert numbers == [f"NL-2026-{n:06d}" for n in range(1, 5)]
    await sound(scene)


async def test_a_number_taken_by_a_bill_that_was_not_issued_is_used_again(scene: Scene) -> None:
    account_id = await scene.first_line()
    wanted = BillAccount(account_id=account_id, cut_off_day=date(2026, 7, 1))

    async def die_before_the_commit() -> None:
        async with scene.database.unit_of_work() as uow:
            assert (await bill_account(uow, wanted, scene.context)).outcome is OutcomeKind.BILLED
            raise Killed

    with pytest.raises(Killed):
        await die_before_the_commit()
    assert await bills(scene, account_id) == []
    await run(scene)
    assert [bill["billNo"] for bill in await bills(scene, account_id)] == ["NL-2026-000001"]


@pytest.mark.pg_matrix
@pytest.mark.parametrize("table", ["bill", "bill_line", "bill_tax"])
async def test_the_database_refuses_to_change_what_was_issued(scene: Scene, table: str) -> None:
    account_id = await scene.first_line()
    await run(scene)
    before = (await bills(scene, account_id), await nets(scene, account_id))
    for statement in (
        f"update billing.{table} set tenant = tenant where tenant = $1",
        f"delete from billing.{table} where tenant = $1",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            async with scene.database.unit_of_work() as uow:
                await uow.execute(statement, scene.tenant)
    with pytest.raises(asyncpg.RestrictViolationError):
        async with scene.database.unit_of_work() as uow:
            await uow.execute(f"truncate billing.{table}")
    assert (await bills(scene, account_id), await nets(scene, account_id)) == before


@pytest.mark.pg_matrix
async def test_nothing_can_be_added_to_an_issued_bill(scene: Scene) -> None:
    account_id = await scene.first_line()
    await run(scene)
    (bill,) = await bills(scene, account_id)
    with pytest.raises(asyncpg.RestrictViolationError):
        async with scene.database.unit_of_work() as uow:
            await uow.execute(
                "insert into billing.bill_tax(tenant, bill_id, category, percent, base_minor, tax_minor)"
                " values ($1, $2, 'extra', 1, 1, 1)",
                scene.tenant,
                bill["id"],
            )


async def test_policies_come_from_the_cycle_and_change_the_bill(scene: Scene) -> None:
    """The story's mutants: a month begun late charged in full or not at all, charging from the order date."""
    for changed, expected in (
        ({"prorationPolicy": "full"}, "133.73"),
        ({"prorationPolicy": "none"}, "93.73"),
        ({"prorationPolicy": "day", "billingStart": "order"}, "131.06"),
    ):
        await change_cycle(scene, **changed)
        account_id = await scene.first_line()
        await run(scene, RunBills(cut_off_date=date(2026, 7, 1), account_ids=[account_id]))
        (bill,) = await bills(scene, account_id)
        assert str(bill["taxExcludedAmount"]["value"]) == expected
    await sound(scene)


async def test_what_cannot_be_billed_is_reported_and_stops_nobody(scene: Scene) -> None:
    good = await scene.first_line()
    broken = await scene.account()
    await scene.product(broken, "Odd", [sold("p", "Odd", "recurring", "1.00", recurringChargePeriod="1 fortnight")])
    foreign = await scene.account(currency="CHF")
    await scene.product(foreign, "Fibre", [MONTHLY])
    empty = await scene.account()
    view = await run(scene)
    assert (view.billed, view.nothing_due, view.failed) == (1, 1, 2)
    assert {(failure.account_id, failure.code) for failure in view.failures} == {
        (broken, "periodNotOffered"),
        (foreign, "currencyMismatch"),
    }
    assert [len(await bills(scene, account_id)) for account_id in (good, broken, foreign, empty)] == [1, 0, 0, 0]
    async with scene.database.unit_of_work() as uow:
        (product,) = await products.select(uow, scene.context, {"billingAccount.id": broken})
        mended = [sold("p", "Odd", "recurring", "1.00", recurringChargePeriod="1 month")]
        await products.patch(uow, product["id"], {"productPrice": mended}, scene.context)
    again = await run(scene, run_id=view.id)
    assert (again.billed, again.failed) == (2, 1)


async def test_a_failed_bill_leaves_its_usage_unbilled(scene: Scene) -> None:
    account_id = await scene.account(currency="CHF")
    metered = await scene.product(account_id, "Data", [PER_GB])
    await scene.bind(metered, account_id, "n1")
    await scene.use("n1", [10**9])
    assert (await run(scene)).failed == 1
    async with scene.database.read() as session:
        marked = await session.fetch_value(
            "select count(*) from usage.usage where tenant = $1 and line_id is not null", scene.tenant
        )
    assert marked == 0


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (RunBills(cut_off_date=date(2026, 8, 1), cycle="monthly-1"), "cutOffInFuture"),
        (RunBills(cut_off_date=date(2026, 6, 15), cycle="monthly-1"), "notTheCyclesDay"),
        (RunBills(cut_off_date=date(2026, 7, 1), account_ids=[]), "noAccounts"),
    ],
)
async def test_a_run_that_cannot_be_is_refused_before_it_begins(scene: Scene, command: RunBills, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        await run(scene, command)
    assert refused.value.code == code


async def test_products_that_never_were_active_are_not_charged(scene: Scene) -> None:
    account_id = await scene.account()
    await scene.product(account_id, "Fibre 500", [MONTHLY, INSTALL], status="created")
    assert (await run(scene)).nothing_due == 1


async def test_a_terminated_product_gets_back_what_was_charged_ahead(scene: Scene) -> None:
    account_id = await scene.account()
    product_id = await scene.product(account_id, "Fibre 500", [MONTHLY])
    await run(scene)
    scene.now = at("2026-08-01T06:00:00+02:00")
    async with scene.database.unit_of_work() as uow:
        await products.move(uow, product_id, "terminated", scene.context, terminationDate="2026-07-10T10:00:00.000Z")
    await run(scene, RunBills(cut_off_date=date(2026, 8, 1), cycle="monthly-1"))
    last = (await bills(scene, account_id))[-1]
    assert (str(last["taxExcludedAmount"]["value"]), str(last["taxIncludedAmount"]["value"])) == ("-28.39", "-33.78")
    assert await nets(scene, account_id) == [
        [("Fibre 500, 11–30 June 2026", "26.67"), ("Fibre 500, July 2026", "40.00")],
        [("Fibre 500, 10–31 July 2026, credit", "-28.39")],
    ]
    scene.now = at("2026-09-01T06:00:00+02:00")
    last_run = await run(scene, RunBills(cut_off_date=date(2026, 9, 1), cycle="monthly-1"))
    assert last_run.nothing_due == 1
    await sound(scene)


async def test_tenants_do_not_see_each_other(scene: Scene) -> None:
    account_id = await scene.first_line()
    await run(scene)
    (bill,) = await bills(scene, account_id)
    stranger = Scene(scene.database)
    assert await bills(stranger, account_id) == []
    assert await lines(stranger, bill["id"]) == []
    async with scene.database.read() as session:
        with pytest.raises(Exception, match="no customerBill"):
            await explain_bill(session, bill["id"], stranger.context)


async def test_outcomes_say_what_was_done(scene: Scene) -> None:
    account_id = await scene.first_line()
    wanted = BillAccount(account_id=account_id, cut_off_day=date(2026, 7, 1))
    outcomes: list[AccountOutcome] = []
    for _ in range(2):
        async with scene.database.unit_of_work() as uow:
            outcomes.append(await bill_account(uow, wanted, scene.context))
    (bill,) = await bills(scene, account_id)
    assert [(outcome.outcome, outcome.bill_id) for outcome in outcomes] == [
        (OutcomeKind.BILLED, bill["id"]),
        (OutcomeKind.ALREADY_BILLED, bill["id"]),
    ]


async def test_the_document_is_the_same_bytes_every_time(scene: Scene) -> None:
    account_id = await scene.first_line()
    await run(scene)
    (bill,) = await bills(scene, account_id)
    async with scene.database.read() as session:
        document = await issued(session, bill["id"], scene.context)
    assert render(document) == render(document)
