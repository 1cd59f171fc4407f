"""What goes on beside the straight line: runs made up for later, prices limited in time, accounts that cannot be billed."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.domain.billing.scene import MONTHLY, Scene, at, sold
from tests.domain.billing.test_bill_run import bills, nets, run, sound
from trunkline.bss.billing import issue
from trunkline.bss.billing import run as running
from trunkline.bss.billing.contracts import RunBills
from trunkline.bss.billing.facade import explain_bill
from trunkline.bss.product_catalog.resources import product_offering_prices, product_offerings
from trunkline.bss.product_inventory.resources import products
from trunkline.bss.product_ordering.resources import product_orders
from trunkline.bss.usage.resources import usages
from trunkline.kernel.errors import Unprocessable
from trunkline.kernel.ids import new_id
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.query import parse


def month(number: int) -> RunBills:
    return RunBills(cut_off_date=date(2026, number, 1), cycle="monthly-1")


async def test_a_day_that_is_made_up_for_after_a_later_one_gives_nothing_back(scene: Scene) -> None:
    account = await scene.account()
    await scene.product(account, "Fibre 500", [MONTHLY], startDate="2026-05-11T13:20:00.000Z")
    assert (await run(scene)).billed == 1
    before = await nets(scene, account)
    late = await run(scene, month(6))
    assert (late.billed, late.nothing_due) == (0, 1)
    assert await nets(scene, account) == before
    await sound(scene)


async def test_a_product_that_ended_before_what_was_charged_is_still_given_its_rest_by_an_earlier_day(
    scene: Scene,
) -> None:
    account = await scene.account()
    product = await scene.product(account, "Fibre 500", [MONTHLY], startDate="2026-06-01T00:00:00+02:00")
    await run(scene)  # June and July
    scene.now += timedelta(seconds=1)
    async with scene.database.unit_of_work() as uow:
        ended = "2026-06-15T22:00:00.000Z"
        await products.patch(uow, product, {"status": "pendingTerminate"}, scene.context)
        await products.patch(uow, product, {"status": "terminated", "terminationDate": ended}, scene.context)
    assert (await run(scene, month(6))).billed == 1
    credit = [amount for bill in (await nets(scene, account))[1:] for _, amount in bill]
    assert credit == ["-20.00", "-40.00"]  # half of June, all of July


async def test_usage_costs_what_was_in_force_when_it_was_used(scene: Scene) -> None:
    account = await scene.account()
    change = "2026-06-18T00:00:00.000Z"
    old = sold("pop-gb", "Data old", "usage", "0.10", unitOfMeasure="1 GB", validFor={"endDateTime": change})
    new = sold("pop-gb", "Data new", "usage", "0.50", unitOfMeasure="1 GB", validFor={"startDateTime": change})
    product = await scene.product(account, "Data per GB", [old, new])
    await scene.bind(product, account, f"line-{account}")
    await scene.use(f"line-{account}", [3_000_000_000], day=17)
    await scene.use(f"line-{account}", [10_000_000_000], day=20)
    await run(scene)
    assert await nets(scene, account) == [[("Data old", "0.30"), ("Data new", "5.00")]]
    await sound(scene)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (asyncpg.LockNotAvailableError("canceling statement due to lock timeout"), "busy"),
        (asyncpg.DataError("value out of range"), "invalidValue"),
    ],
)
async def test_what_postgresql_refuses_of_one_account_stops_nobody(
    scene: Scene, error: asyncpg.PostgresError, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = [await scene.account(id=f"{letter}-account") for letter in "abc"]
    for account in accounts:
        await scene.product(account, "Fibre 500", [MONTHLY])
    bill_account = issue.bill_account

    async def refusing(uow: Any, command: Any, context: Any) -> Any:
        if command.account_id == "b-account":
            raise error
        return await bill_account(uow, command, context)

    with monkeypatch.context() as patched:
        patched.setattr(running, "bill_account", refusing)
        first = await run(scene)
    assert (first.state, first.billed, first.failed) == ("completed", 2, 1)
    assert [failure.code for failure in first.failures] == [code]
    again = await run(scene)
    assert (again.billed, again.already_billed, again.failed) == (1, 2, 0)


async def test_a_price_of_an_absurd_amount_fails_its_account_alone(scene: Scene) -> None:
    bad, good = await scene.account(id="a-account"), await scene.account(id="b-account")
    absurd = sold("pop-x", "X", "recurring", "100000000000000000", recurringChargePeriod="1 month")
    await scene.product(bad, "X", [absurd])
    await scene.product(good, "Fibre 500", [MONTHLY])
    view = await run(scene)
    assert (view.billed, [failure.code for failure in view.failures]) == (1, ["amountTooLarge"])


async def test_the_records_behind_a_line_are_those_on_it(scene: Scene) -> None:
    account = await scene.first_line()
    await run(scene)
    await scene.use(f"line-{account}", [10**9], day=12, month=6)  # late, among those of the first bill
    await scene.use(f"line-{account}", [10**9], day=5, month=7)
    scene.now = at("2026-08-01T06:00:00+02:00")
    await run(scene, month(8))
    seen = []
    async with scene.database.read() as session:
        for bill in await bills(scene, account):
            for line in (await explain_bill(session, bill["id"], scene.context)).lines:
                if line.usage:
                    query = parse(urlsplit(line.usage.href).query)
                    page = await usages.page(session, query, scene.context)
                    assert page.total == line.usage.records
                    seen += page.ids
    assert len(seen) == len(set(seen)) > 2


async def offered(scene: Scene, *prices: Document) -> str:
    """An offering with these prices; what is not said of them is a fee of 40.00 a month."""
    fee = {
        "@type": "ProductOfferingPrice",
        "name": "fee",
        "priceType": "recurring",
        "lifecycleStatus": "Active",
        "recurringChargePeriodType": "month",
        "recurringChargePeriodLength": 1,
        "price": {"@type": "Money", "unit": "EUR", "value": Decimal("40.00")},
    }
    offering = new_id()
    async with scene.database.unit_of_work() as uow:
        references = []
        for price in prices:
            withdrawn = price.pop("withdrawn", False)
            document = {name: value for name, value in (fee | price).items() if value is not None}
            made = await product_offering_prices.create(uow, document, scene.context)
            if withdrawn:
                await product_offering_prices.move(uow, made["id"], "Retired", scene.context)
            references.append({"@type": "ProductOfferingPriceRef", "id": made["id"]})
        document = {"id": offering, "@type": "ProductOffering", "name": "Fibre", "lifecycleStatus": "Active"}
        await product_offerings.create(uow, document | {"productOfferingPrice": references}, scene.context)
    return offering


async def order(scene: Scene, offering: str) -> Document:
    item: Document = {"@type": "ProductOrderItem", "id": "1", "action": "add"}
    item |= {"productOffering": {"@type": "ProductOfferingRef", "id": offering}}
    account = {"@type": "BillingAccountRef", "id": await scene.account()}
    wanted = {"@type": "ProductOrder", "billingAccount": account, "productOrderItem": [item]}
    async with scene.database.unit_of_work() as uow:
        return await product_orders.create(uow, wanted, scene.context)


async def test_only_prices_in_force_are_sold(scene: Scene) -> None:
    now = scene.now.isoformat()
    offering = await offered(
        scene,
        {"name": "past", "validFor": {"endDateTime": now}},
        {"name": "retired", "withdrawn": True},
        {"name": "future", "validFor": {"startDateTime": (scene.now + timedelta(days=1)).isoformat()}},
        {"name": "current", "validFor": {"startDateTime": now}},
    )
    sold_ = await order(scene, offering)
    assert [price["name"] for price in sold_["productOrderItem"][0]["itemPrice"]] == ["current"]
    assert sold_["orderTotalPrice"][0]["price"]["dutyFreeAmount"]["value"] == Decimal("40.00")


@pytest.mark.parametrize(
    ("price", "code"),
    [
        ({"price": None}, "priceWithoutAmount"),
        ({"priceType": "usage", "unitOfMeasure": {"amount": 1}}, "invalidUnitOfMeasure"),
        ({"priceType": "odd"}, "priceTypeNotOffered"),
        ({"price": {"@type": "Money", "unit": "EUR", "value": Decimal(10) ** 15}}, "amountTooLarge"),
    ],
)
async def test_a_price_that_nobody_could_charge_is_not_sold(scene: Scene, price: Document, code: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        await order(scene, await offered(scene, price))
    assert (refused.value.code, refused.value.path) == (code, "$.productOrderItem[0].productOffering")
