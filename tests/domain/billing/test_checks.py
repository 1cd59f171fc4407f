"""The checks find what is wrong. What is broken here gets past the triggers as only a superuser can."""

from datetime import date

import pytest

from tests.domain.billing.scene import Scene
from trunkline.bss.billing.contracts import RunBills
from trunkline.bss.billing.facade import imbalances, issued, render, run_bills
from trunkline.bss.billing.resources import customer_bills
from trunkline.kernel.errors import Conflict
from trunkline.kernel.ids import new_id


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("update billing.bill_line set net_minor = net_minor + 1 where kind = 'oneTime'", {"bill equals its lines"}),
        ("update billing.bill_tax set tax_minor = 1 where true", {"bill equals its taxes"}),
        ("delete from billing.bill where true", {"numbers have no gaps"}),
        (
            "update billing.bill set document = replace(document, '143.28', '99.00') where true",
            {"documents are as issued"},
        ),
        (
            "update billing.charged_through set charged_through = charged_from where charged_through > charged_from",
            {"each day is charged once"},
        ),
    ],
)
async def test_each_check_finds_its_fault(scene: Scene, statement: str, found: set[str]) -> None:
    await scene.first_line()
    await run_bills(scene.database, new_id(), RunBills(cut_off_date=date(2026, 7, 1)), scene.context)
    async with scene.database.unit_of_work() as uow:
        assert await imbalances(uow, scene.context) == []
        await uow.execute("set local session_replication_role = replica")
        assert await uow.execute(f"{statement} and tenant = $1", scene.tenant) > 0
    async with scene.database.read() as session:
        assert {imbalance.check for imbalance in await imbalances(session, scene.context)} >= found


async def test_a_damaged_document_is_not_printed(scene: Scene) -> None:
    await scene.first_line()
    await run_bills(scene.database, new_id(), RunBills(cut_off_date=date(2026, 7, 1)), scene.context)
    async with scene.database.unit_of_work() as uow:
        await uow.execute("set local session_replication_role = replica")
        await uow.execute("update billing.bill set document = document || ' ' where tenant = $1", scene.tenant)
    async with scene.database.read() as session:
        (bill,) = await customer_bills.select(session, scene.context)
        document = await issued(session, bill["id"], scene.context)
    with pytest.raises(Conflict, match="not what was issued"):
        render(document)
