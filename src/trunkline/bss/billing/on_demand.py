"""A bill on demand (TMF678 customerBillOnDemand): asked for, and made in the same unit of work."""

from trunkline.bss.billing.contracts import OutcomeKind
from trunkline.bss.billing.issue import BillAccount, bill_account
from trunkline.bss.billing.resources import customer_bills, customer_bills_on_demand
from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.normalise import instant_text


@customer_bills_on_demand.prepare
async def name_the_account(_uow: UnitOfWork, task: Document, _context: Context) -> None:
    """Generation 4 does not ask for the account; without one there is nothing to bill. Raises Invalid."""
    if not isinstance(task.get("billingAccount", {}).get("id"), str):
        raise Invalid("missingField", "A bill on demand names its account.", path="$.billingAccount.id")


@customer_bills_on_demand.after_create
async def bill_now(uow: UnitOfWork, task: Document, context: Context) -> None:
    """Bill the account for what is due at this instant: the task is done with its bill, or rejected when nothing is due.

    Raises as `bill_account`; then nothing is kept of the task either.
    """
    outcome = await bill_account(uow, BillAccount(account_id=task["billingAccount"]["id"]), context)
    now = instant_text(context.now)
    if outcome.outcome is OutcomeKind.BILLED and outcome.bill_id is not None:
        bill = {
            "@type": "CustomerBillRef",
            "@referredType": "CustomerBill",
            "id": outcome.bill_id,
            "href": f"{customer_bills.base_path}/{outcome.bill_id}",
        }
        await customer_bills_on_demand.move(uow, task["id"], "done", context, customerBill=bill, lastUpdate=now)
    else:
        await customer_bills_on_demand.move(
            uow, task["id"], "rejected", context, description="Nothing is due on this account.", lastUpdate=now
        )
