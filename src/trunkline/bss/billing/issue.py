"""Issue the bill of one account: one transaction from what is due to an immutable, numbered document."""

from datetime import date, datetime
from hashlib import sha256

import msgspec

from trunkline.bss.account.resources import billing_accounts, billing_cycle_specifications
from trunkline.bss.billing import store
from trunkline.bss.billing.contracts import AccountOutcome, OutcomeKind, RunType
from trunkline.bss.billing.model.assembly import Draft, assemble
from trunkline.bss.billing.model.invoice import TEMPLATE_VERSION, Header, invoice_data
from trunkline.bss.billing.model.terms import Terms, terms_of
from trunkline.bss.billing.parties import buyer_of, seller_of
from trunkline.bss.billing.resources import customer_bills
from trunkline.bss.billing.rows import bill_row, line_row, tax_row
from trunkline.bss.product_inventory.resources import products
from trunkline.bss.rating.facade import period_at, totals
from trunkline.bss.usage import facade as usage
from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, ReadSession, UnitOfWork
from trunkline.kernel.errors import Unprocessable
from trunkline.kernel.events.event import event
from trunkline.kernel.ids import new_id
from trunkline.kernel.period import local_date
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.page import scan
from trunkline.kernel.tmf.query import Clause

PRODUCTS_MAX = 10_000


class BillAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Bill one account.

    cut_off_day  the cycle's day; None bills what is due now, off the cycle
    run_id       of the run that does it
    """

    account_id: str
    cut_off_day: date | None = None
    run_id: str | None = None


async def bill_account(uow: UnitOfWork, command: BillAccount, context: Context) -> AccountOutcome:
    """Issue what the account owes at the cut-off, once.

    Takes the account's lock, so that two runs cannot meet. An on-cycle bill that is there already is returned as such;
    without anything due no number is used. Raises Unprocessable for terms, prices or usage that cannot be billed.
    Event: CustomerBillCreateEvent.
    """
    account = await billing_accounts.lock(uow, command.account_id, context)
    on_cycle = command.cut_off_day is not None
    terms = await account_terms(uow, account, context)
    day = command.cut_off_day or local_date(context.now, terms.cycle.zone)
    if on_cycle:
        if day.day != terms.cycle.day_of_month:
            raise Unprocessable(
                "notTheCyclesDay",
                f"The account is billed on day {terms.cycle.day_of_month} of the month.",
                path="$.cutOffDate",
            )
        known = await store.bill_of_cycle(uow, context.tenant, command.account_id, day)
        if known is not None:
            return _outcome(command, OutcomeKind.ALREADY_BILLED, known)
    cut_off = terms.cut_off(day) if on_cycle else context.now
    draft = await _draft(uow, terms, cut_off, context)
    if not draft.items:
        await store.put_charged(uow, context.tenant, command.account_id, None, draft.charged)
        return _outcome(command, OutcomeKind.NOTHING_DUE)
    bill_id = await _issue(uow, command, terms, draft, day, cut_off, context)
    return _outcome(command, OutcomeKind.BILLED, bill_id)


async def account_terms(
    session: ReadSession,
    account: Document,
    context: Context,
    *,
    at: datetime | None = None,
    known: dict[str, Document] | None = None,
) -> Terms:
    """The terms by which an account is billed, as they are or as they were at a past instant.

    known  cycles that have been read, by id, and to which this one is added: for many accounts at once
    Raises Unprocessable for what is missing, NotFound for a cycle that is not there.
    """
    reference = account.get("billStructure", {}).get("cycleSpecification", {})
    if "id" not in reference:
        raise Unprocessable(
            "cycleMissing",
            "The billing account has no billing cycle.",
            path="$.billStructure.cycleSpecification",
            hint="Name a billing cycle specification.",
        )
    cycles = {} if known is None else known
    if reference["id"] not in cycles:
        cycles[reference["id"]] = await billing_cycle_specifications.get(session, reference["id"], context, at=at)
    return terms_of(account, cycles[reference["id"]])


async def _draft(uow: UnitOfWork, terms: Terms, cut_off: datetime, context: Context) -> Draft:
    installed = await _products(uow, terms.account_id, context)
    charged = await store.charged_spans(uow, context.tenant, [product["id"] for product in installed])
    used = await usage.unbilled_totals(uow, terms.account_id, cut_off, context)
    return assemble(installed, charged, used, cut_off, terms)


async def _products(uow: UnitOfWork, account_id: str, context: Context) -> list[Document]:
    """All products of the account."""
    found: list[Document] = []
    async for page in scan(uow, products, (Clause("billingAccount.id", "eq", (account_id,)),), context):
        found += page
        if len(found) > PRODUCTS_MAX:
            raise Unprocessable("tooManyProducts", f"An account has at most {PRODUCTS_MAX} products on one bill.")
    return found


async def _issue(
    uow: UnitOfWork, command: BillAccount, terms: Terms, draft: Draft, day: date, cut_off: datetime, context: Context
) -> str:
    tenant = context.tenant
    sums = totals([item.line for item in draft.items], terms.currency)
    seller = await seller_of(uow, terms, context)
    buyer = await buyer_of(uow, terms, context)
    bill_id, line_ids = new_id(), [new_id() for _ in draft.items]
    for item, line_id in zip(draft.items, line_ids, strict=True):
        if item.usage is not None:
            await usage.mark_billed(
                uow,
                account_id=terms.account_id,
                product_id=item.product_id,
                price_id=item.usage.price_id,
                until=cut_off,
                line_id=line_id,
                bill_id=bill_id,
                records=item.usage.records,
                context=context,
            )
    await store.put_charged(uow, tenant, terms.account_id, bill_id, draft.charged)
    # The number comes last: its row is locked until the commit, and every bill of the seller waits for it.
    number = await store.next_number(uow, tenant, seller.id, day.year)
    header = Header(
        bill_id=bill_id,
        bill_no=f"{seller.number_prefix}{day.year}-{number:06d}",
        bill_day=day,
        due_day=terms.due_day(day),
        period=period_at(cut_off, cut_off, 1, terms.cycle),
        seller=seller,
        buyer=buyer,
    )
    document = msgspec.json.encode(invoice_data(header, draft.items, sums, terms)).decode()
    run_type = RunType.ON_CYCLE if command.cut_off_day else RunType.OFF_CYCLE
    await store.insert_bill(
        uow,
        bill_row(
            header,
            terms,
            sums,
            context,
            number=number,
            run_id=command.run_id,
            run_type=run_type,
            template_version=TEMPLATE_VERSION,
            document=document,
            document_sha256=sha256(document.encode()).hexdigest(),
        ),
        [
            line_row(n, line_id, bill_id, item, sums.by_line[n], terms, context)
            for n, (item, line_id) in enumerate(zip(draft.items, line_ids, strict=True))
        ],
        [tax_row(tenant, bill_id, amount) for amount in sums.taxes],
    )
    await _tell(uow, bill_id, context)
    return bill_id


async def _tell(uow: UnitOfWork, bill_id: str, context: Context) -> None:
    document = await customer_bills.get(uow, bill_id, context)
    uow.publish(
        event(
            context,
            "CustomerBillCreateEvent",
            source="billing",
            resource="customerBill",
            resource_id=bill_id,
            version=1,
            payload={"customerBill": document},
        )
    )
    uow.audit(AuditEntry.of(context, "issue", "customerBill", bill_id, version=1, after=document))


def _outcome(command: BillAccount, kind: OutcomeKind, bill_id: str | None = None) -> AccountOutcome:
    return AccountOutcome(account_id=command.account_id, outcome=kind, bill_id=bill_id)
