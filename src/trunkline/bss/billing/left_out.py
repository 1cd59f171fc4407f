"""What an account's last bill left out, or charged too much (invariant 4): the bill is drafted again, and nothing may be due.

A bill looks at everything that is due at its cut-off. So with products, terms and charged spans as they were when it was
issued, another bill at the same instant has no lines.
"""

from collections.abc import AsyncIterator, Mapping

from trunkline.bss.account.resources import billing_accounts
from trunkline.bss.billing import store
from trunkline.bss.billing.contracts import ChargedSpan, LastBill
from trunkline.bss.billing.issue import account_terms
from trunkline.bss.billing.model.assembly import BILLABLE, Item, assemble
from trunkline.bss.billing.model.terms import Terms
from trunkline.bss.product_inventory.resources import products
from trunkline.bss.rating.facade import line_title
from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.errors import Invalid, NotFound
from trunkline.kernel.finding import Finding
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.page import scan
from trunkline.kernel.tmf.query import Clause

PAGE = 500
CHARGED = "a product is charged from its start through its account's last bill"
Charged = Mapping[tuple[str, str], ChargedSpan]


async def products_left_out(session: ReadSession, context: Context) -> AsyncIterator[Finding]:
    """Products of accounts that have a bill, and for which that bill should have had other lines."""
    clauses = (Clause("status", "eq", tuple(sorted(BILLABLE))),)
    known: dict[str, Terms] = {}
    async for page in scan(session, products, clauses, context, size=PAGE):
        ids = {account for product in page if (account := _account_of(product))}
        bills = await store.last_bills(session, context.tenant, sorted(ids))
        charged = await store.charged_spans(session, context.tenant, [product["id"] for product in page])
        await _learn(session, set(bills) - set(known), known, context)
        for product in page:
            bill = bills.get(_account_of(product) or "")
            terms = known.get(_account_of(product) or "")
            if bill is None or (terms is not None and not _due(product, charged, bill, terms)):
                continue
            for finding in await _at_the_bill(session, product["id"], charged, bill, context):
                yield finding
        known = {account: terms for account, terms in known.items() if account in ids}


async def _learn(session: ReadSession, ids: set[str], known: dict[str, Terms], context: Context) -> None:
    """The present terms of these accounts; without those that cannot be read any more."""
    specifications: dict[str, Document] = {}
    for account in await billing_accounts.select(session, context, {"id": sorted(ids)}, limit=PAGE) if ids else ():
        try:
            known[account["id"]] = await account_terms(session, account, context, known=specifications)
        except (Invalid, NotFound):
            continue


async def _at_the_bill(
    session: ReadSession, product_id: str, charged: Charged, bill: LastBill, context: Context
) -> list[Finding]:
    """The same with product and terms as they were when the bill was issued: what changed since is the next bill's."""
    try:
        product = await products.get(session, product_id, context, at=bill.issued_at)
        account = await billing_accounts.get(session, bill.account_id, context, at=bill.issued_at)
        terms = await account_terms(session, account, context, at=bill.issued_at)
    except (Invalid, NotFound):
        return []
    if _account_of(product) != bill.account_id:
        return []
    by_price: dict[str, list[str]] = {}
    for item in _due(product, charged, bill, terms):
        words = f"{line_title(item.line, terms.cycle.zone)}: {item.line.net.amount} {item.line.net.currency}"
        by_price.setdefault(item.charge_key, []).append(words)
    return [
        Finding(
            invariant=4,
            rule=CHARGED,
            subject=f"product {product_id}, price {key}",
            expected=f"nothing left to charge or give back at bill {bill.bill_no}",
            found="; ".join(left),
        )
        for key, left in by_price.items()
    ]


def _due(product: Document, charged: Charged, bill: LastBill, terms: Terms) -> tuple[Item, ...]:
    """The lines that another bill at the same instant would have for the product."""
    try:
        return assemble([product], charged, (), bill.cut_off, terms).items
    except Invalid:
        return ()  # a price that cannot be charged: the bill run reports its account as failed


def _account_of(product: Document) -> str | None:
    found: str | None = product.get("billingAccount", {}).get("id")
    return found
