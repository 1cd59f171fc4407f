"""The checks find what is wrong. What is broken here gets past the triggers as only a superuser can."""

from collections import Counter
from datetime import date
from hashlib import sha256

import msgspec
import pytest

from tests.domain.billing.scene import INSTALL, MONTHLY, Scene, at, sold
from trunkline.bss.account.resources import billing_cycle_specifications
from trunkline.bss.billing.checks import BEHIND, LEFT, ONCE, USED
from trunkline.bss.billing.contracts import RunBills
from trunkline.bss.billing.facade import billing_findings, issued, render, run_bills
from trunkline.bss.billing.left_out import CHARGED
from trunkline.bss.billing.resources import customer_bills
from trunkline.bss.product_inventory.resources import products
from trunkline.kernel.errors import Conflict
from trunkline.kernel.ids import new_id

JUNE = "2026-06-11 15:20 to 2026-07-01 00:00"
JULY = "2026-07-01 00:00 to 2026-08-01 00:00"

# what is done → (invariant, rule, what it is about, expected, found), with the ids of the scene in braces
SEEDED: dict[str, tuple[str, list[tuple[int, str, str, str, str]]]] = {
    "a line costs a cent more": (
        "update billing.bill_line set net_minor = net_minor + 1 where kind = 'oneTime'",
        [
            (
                6,
                "a bill equals its lines",
                "bill NL-2026-000001",
                "net 12040, tax 2288 minor units",
                "net 12041, tax 2288 minor units",
            )
        ],
    ),
    "a tax is another": (
        "update billing.bill_tax set tax_minor = 1 where true",
        [(6, "a bill equals its taxes", "bill NL-2026-000001", "tax 2288 minor units", "tax 1 minor units")],
    ),
    "a number was left out": (
        "update billing.number_sequence set last_number = 2 where true",
        [(8, "numbers have no gaps", "bills of seller in 2026", "1 to 2", "1 bills, the last 1")],
    ),
    "the numbers were forgotten": (
        "delete from billing.number_sequence where true",
        [(8, "numbers have no gaps", "bills of seller in 2026", "1 to 0", "1 bills, the last 1")],
    ),
    "July's line charges June again": (
        """update billing.bill_line l set covers_start = j.covers_start, covers_end = j.covers_end, share_part = 20
             from billing.bill_line j
            where j.tenant = l.tenant and j.share_part = 20 and l.share_part = 31""",
        [
            (4, ONCE, f"product {{fibre}}, price pop-month, {JUNE}", "charged 1 times", "charged 2 times"),
            (4, ONCE, f"product {{fibre}}, price pop-month, {JULY}", "charged 1 times", "charged 0 times"),
        ],
    ),
    "a line charges fewer days than it covers": (
        "update billing.bill_line set share_part = 19 where share_part = 20",
        [(4, ONCE, "product {fibre}, price pop-month", "51 days charged", "50 days charged")],
    ),
    "July is not remembered as charged": (
        "update billing.charged_through set charged_through = '2026-06-30T22:00:00Z' where charge_key = 'pop-month'",
        [
            (4, ONCE, f"product {{fibre}}, price pop-month, {JULY}", "charged 0 times", "charged 1 times"),
            (
                4,
                CHARGED,
                "product {fibre}, price pop-month",
                "nothing left to charge or give back at bill NL-2026-000001",
                "Fibre 500, July 2026: 40.00 EUR",
            ),
        ],
    ),
    "the installation is not remembered as charged": (
        "delete from billing.charged_through where charge_key = 'pop-install'",
        [
            (
                4,
                CHARGED,
                "product {fibre}, price pop-install",
                "nothing left to charge or give back at bill NL-2026-000001",
                "Installation: 50.00 EUR",
            )
        ],
    ),
    "a product is charged that nobody has": (
        "delete from product_inventory.product where id = '{fibre}'",
        [(4, BEHIND, "product {fibre}", "a product of the inventory", "none, but bill lines for it")],
    ),
    "a billed record became another quantity": (
        "update usage.usage set quantity = quantity - 1000 where quantity = 4250000000",
        [
            (
                5,
                USED,
                "bill NL-2026-000001, line Data per GB ({line})",
                "9 records, quantity 37250000000",
                "9 records, quantity 37249999000",
            )
        ],
    ),
    "a billed record says that it is on no bill": (
        """update usage.usage set line_id = null, bill_id = null, billed_at = null, rated_at = '2026-06-21T00:00:00Z'
            where quantity = 4250000000""",
        [
            (
                5,
                USED,
                "bill NL-2026-000001, line Data per GB ({line})",
                "9 records, quantity 37250000000",
                "8 records, quantity 33000000000",
            ),
            (
                5,
                LEFT,
                "usage of account {account}",
                "on bill NL-2026-000001 or one before",
                "1 records, quantity 4250000000 on no bill",
            ),
        ],
    ),
}


@pytest.mark.parametrize("name", SEEDED)
async def test_a_seeded_difference_yields_just_its_findings(scene: Scene, name: str) -> None:
    account = await scene.first_line()
    await run_bills(scene.database, new_id(), RunBills(cut_off_date=date(2026, 7, 1)), scene.context)
    names = {"account": account, **await _ids(scene)}
    statement, expected = SEEDED[name]
    async with scene.database.unit_of_work() as uow:
        assert await billing_findings(uow, scene.context) == []
        await uow.execute("set local session_replication_role = replica")
        table = "l." if " l set" in statement else ""
        assert await uow.execute(f"{statement.format(**names)} and {table}tenant = $1", scene.tenant) > 0
        found = await billing_findings(uow, scene.context)
    assert [tuple(msgspec.structs.astuple(finding)) for finding in found] == [
        (invariant, rule, *(text.format(**names) for text in texts)) for invariant, rule, *texts in expected
    ]


async def _ids(scene: Scene) -> dict[str, str]:
    """The ids that findings name: the product with the monthly price, the usage line."""
    async with scene.database.read() as session:
        product = await products.select(session, scene.context, {"name": "Fibre 500"})
        line = await session.fetch_value(
            "select id from billing.bill_line where tenant = $1 and kind = 'usage'", scene.tenant
        )
    return {"fibre": product[0]["id"], "line": line}


async def test_a_document_that_was_changed_is_found(scene: Scene) -> None:
    await scene.first_line()
    await run_bills(scene.database, new_id(), RunBills(cut_off_date=date(2026, 7, 1)), scene.context)
    async with scene.database.unit_of_work() as uow:
        await uow.execute("set local session_replication_role = replica")
        before = await uow.fetch_row(
            "select id, document, document_sha256 from billing.bill where tenant = $1", scene.tenant
        )
        assert before is not None
        forged = before["document"].replace("143.28", "99.00")
        await uow.execute("update billing.bill set document = $2 where tenant = $1", scene.tenant, forged)
        found = await billing_findings(uow, scene.context)
    assert [(finding.invariant, finding.rule, finding.subject) for finding in found] == [
        (8, "documents are as issued", "bill NL-2026-000001")
    ]
    assert found[0].expected == f"SHA-256 {before['document_sha256']}"
    assert found[0].found == f"SHA-256 {sha256(forged.encode()).hexdigest()}"


async def test_a_bill_that_was_removed_leaves_a_gap_and_its_lines(scene: Scene) -> None:
    await scene.first_line()
    await run_bills(scene.database, new_id(), RunBills(cut_off_date=date(2026, 7, 1)), scene.context)
    async with scene.database.unit_of_work() as uow:
        await uow.execute("set local session_replication_role = replica")
        await uow.execute("delete from billing.bill where tenant = $1", scene.tenant)
        lines = await uow.fetch("select id from billing.bill_line where tenant = $1 order by id", scene.tenant)
        found = await billing_findings(uow, scene.context)
    assert [(finding.invariant, finding.subject) for finding in found] == [
        *((6, f"bill line {line['id']}") for line in lines),
        (8, "bills of seller in 2026"),
    ]


async def test_what_changed_after_the_bill_is_the_next_bills(scene: Scene) -> None:
    """A new price, another start, an end before the bill, other terms: none of them makes the last bill wrong."""
    account = await scene.first_line()
    await run_bills(scene.database, new_id(), RunBills(cut_off_date=date(2026, 7, 1)), scene.context)
    scene.now = at("2026-07-05T12:00:00+02:00")
    fibre = (await _ids(scene))["fibre"]
    async with scene.database.unit_of_work() as uow:
        await products.patch(
            uow,
            fibre,
            {"productPrice": [MONTHLY, INSTALL, sold("pop-late", "Static IP", "oneTime", "9.00")]},
            scene.context,
        )
        await products.patch(uow, fibre, {"startDate": "2026-06-01T10:00:00.000Z"}, scene.context)
        await products.move(uow, fibre, "terminated", scene.context, terminationDate="2026-06-25T10:00:00.000Z")
        await billing_cycle_specifications.patch(uow, "monthly-1", {"prorationPolicy": "full"}, scene.context)
    await scene.product(account, "Fibre 1000", [MONTHLY])
    await scene.use(f"line-{account}", [10**9])
    async with scene.database.read() as session:
        assert await billing_findings(session, scene.context) == []


async def test_a_corrected_start_is_charged_once(scene: Scene) -> None:
    """A line that takes back the days before a later start names more than it gives back; the days still add up."""
    account = await scene.account()
    product = await scene.product(account, "Fibre 500", [MONTHLY])
    await run_bills(scene.database, new_id(), RunBills(cut_off_date=date(2026, 7, 1)), scene.context)
    scene.now = at("2026-08-01T06:00:00+02:00")
    async with scene.database.unit_of_work() as uow:
        await products.patch(uow, product, {"startDate": "2026-06-15T10:00:00.000Z"}, scene.context)
    await run_bills(scene.database, new_id(), RunBills(cut_off_date=date(2026, 8, 1)), scene.context)
    async with scene.database.read() as session:
        charged = await session.fetch_value(
            "select sum(share_part) from billing.bill_line where tenant = $1 and kind = 'recurring'", scene.tenant
        )
        assert charged == 16 + 31 + 31
        assert await billing_findings(session, scene.context) == []


async def test_each_page_is_looked_at(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of two: what is wrong stands on every one of them, and is found once."""
    for module in ("checks", "left_out"):
        monkeypatch.setattr(f"trunkline.bss.billing.{module}.PAGE", 2)
    for _ in range(5):
        await scene.first_line()
    await run_bills(scene.database, new_id(), RunBills(cut_off_date=date(2026, 7, 1)), scene.context)
    async with scene.database.unit_of_work() as uow:
        assert await billing_findings(uow, scene.context) == []
        await uow.execute("set local session_replication_role = replica")
        await uow.execute("update usage.usage set line_id = id where tenant = $1", scene.tenant)
        await uow.execute(
            "delete from billing.charged_through where tenant = $1 and charge_key = 'pop-install'", scene.tenant
        )
        await uow.execute(
            "delete from product_inventory.product where tenant = $1 and name = 'Data per GB'", scene.tenant
        )
        found = await billing_findings(uow, scene.context)
    subjects = Counter((finding.rule, finding.subject.split()[0]) for finding in found)
    assert subjects == {(BEHIND, "product"): 5, (CHARGED, "product"): 5, (USED, "bill"): 50}
    assert len({finding.subject for finding in found}) == 60


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
