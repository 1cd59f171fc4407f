"""A bill on demand: now, off the cycle, and never twice for the same days."""

from datetime import date

import pytest

from tests.domain.billing.scene import INSTALL, MONTHLY, Scene, at
from trunkline.bss.billing.contracts import RunBills
from trunkline.bss.billing.facade import billing_findings, run_bills
from trunkline.bss.billing.resources import customer_bills, customer_bills_on_demand
from trunkline.kernel.errors import Invalid, Unprocessable
from trunkline.kernel.ids import new_id
from trunkline.kernel.tmf import Document


async def demand(scene: Scene, account_id: str) -> Document:
    async with scene.database.unit_of_work() as uow:
        return await customer_bills_on_demand.create(
            uow,
            {
                "@type": "CustomerBillOnDemand",
                "name": "now, please",
                "billingAccount": {"@type": "BillingAccountRef", "id": account_id},
            },
            scene.context,
        )


async def test_a_hot_bill_and_the_regular_one_share_the_days(scene: Scene) -> None:
    account_id = await scene.account()
    await scene.product(account_id, "Fibre 500", [MONTHLY, INSTALL])
    scene.now = at("2026-06-15T12:00:00+02:00")
    task = await demand(scene, account_id)
    assert task["state"] == "done"
    assert (await demand(scene, account_id))["state"] == "rejected"
    scene.now = at("2026-07-01T06:00:00+02:00")
    await run_bills(scene.database, new_id(), RunBills(cut_off_date=date(2026, 7, 1)), scene.context)
    async with scene.database.read() as session:
        hot, regular = await customer_bills.select(session, scene.context, {"billingAccount.id": account_id})
        assert await billing_findings(session, scene.context) == []
    assert hot["id"] == task["customerBill"]["id"]
    assert [
        (bill["runType"], bill["category"], str(bill["taxExcludedAmount"]["value"])) for bill in (hot, regular)
    ] == [
        ("offCycle", "interim", "76.67"),
        ("onCycle", "normal", "40.00"),
    ]


async def test_a_demand_that_cannot_be_met_leaves_nothing(scene: Scene) -> None:
    account_id = await scene.account(billStructure={"@type": "BillStructure"})
    with pytest.raises(Unprocessable) as refused:
        await demand(scene, account_id)
    assert refused.value.code == "cycleMissing"
    async with scene.database.read() as session:
        assert await customer_bills_on_demand.select(session, scene.context) == []


async def test_a_demand_without_an_account_is_refused_in_each_generation(scene: Scene) -> None:
    """Generation 4's contract does not make the account mandatory."""
    for given in ({}, {"billingAccount": {"name": "mine"}}):
        with pytest.raises(Invalid) as refused:
            async with scene.database.unit_of_work() as uow:
                await customer_bills_on_demand.create(uow, given, scene.context, required=())
        assert (refused.value.code, refused.value.path) == ("missingField", "$.billingAccount.id")
