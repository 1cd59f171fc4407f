"""Explain a bill: each line back to product, order, price, period, days and usage records. Read from what was issued."""

from decimal import Decimal
from urllib.parse import urlencode

from trunkline.bss.billing import store
from trunkline.bss.billing.contracts import (
    BillExplanation,
    Issued,
    LineExplanation,
    Reference,
    TaxExplanation,
    UsageLink,
)
from trunkline.bss.rating.facade import amount_text, plain
from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession, Record
from trunkline.kernel.errors import NotFound
from trunkline.kernel.money import Money
from trunkline.kernel.tmf.apis import api_path
from trunkline.kernel.tmf.normalise import instant_text


async def explain_bill(session: ReadSession, bill_id: str, context: Context) -> BillExplanation:
    """Every line of a bill with its reasons. Raises NotFound."""
    bill = await _bill(session, bill_id, context)
    lines = await store.line_rows(session, context.tenant, bill_id)
    taxes = await store.tax_rows(session, context.tenant, bill_id)
    return BillExplanation(
        id=bill_id,
        bill_no=bill["bill_no"],
        currency=bill["currency"],
        net=_amount(bill, "net_minor"),
        tax=_amount(bill, "tax_minor"),
        gross=_amount(bill, "gross_minor"),
        lines=[_line(row) for row in lines],
        taxes=[_tax(row, bill["currency"]) for row in taxes],
    )


async def issued(session: ReadSession, bill_id: str, context: Context) -> Issued:
    """An issued bill with its document's data. Raises NotFound."""
    row = await _bill(session, bill_id, context)
    return Issued(**{name: row[name] for name in Issued.__struct_fields__})


async def _bill(session: ReadSession, bill_id: str, context: Context) -> Record:
    row = await store.bill_row(session, context.tenant, bill_id)
    if row is None:
        raise NotFound("unknownCustomerBill", f"There is no customerBill {bill_id[:80]}.", path="$.id")
    return row


def _amount(row: Record, column: str) -> str:
    return str(Money(row[column], row["currency"]).amount)


def _line(row: Record) -> LineExplanation:
    by_day = row["share_unit"] == "day"
    return LineExplanation(
        id=row["id"],
        kind=row["kind"],
        text=f"{row['title']}: {row['formula']}",
        formula=row["formula"],
        net=_amount(row, "net_minor"),
        tax=_amount(row, "tax_minor"),
        currency=row["currency"],
        product=Reference(
            id=row["product_id"], href=_href("TMF637", "product", row["product_id"]), name=row["product_name"]
        ),
        product_order=None
        if row["order_id"] is None
        else Reference(
            id=row["order_id"], href=_href("TMF622", "productOrder", row["order_id"]), item=row["order_item_id"]
        ),
        price=Reference(
            id=row["price_id"],
            href=_href("TMF620", "productOfferingPrice", row["price_id"]),
            name=row["price_name"],
            version=row["price_version"],
        ),
        unit_amount=amount_text(row["unit_amount"], row["currency"]),
        start=row["covers_start"],
        end=row["covers_end"],
        days=row["share_part"] if by_day else None,
        period_days=row["share_whole"] if by_day else None,
        usage=_usage(row) if row["records"] is not None else None,
    )


def _usage(row: Record) -> UsageLink:
    """The records behind a line: those that are on it. Product and time are what an index finds them by."""
    where = urlencode(
        {
            "ratedProductUsage.productRef.id": row["product_id"],
            "usageDate.gte": instant_text(row["covers_start"]),
            "usageDate.lte": row["covers_end"].isoformat(),
            "usageCharacteristic.billLine": row["id"],
        }
    )
    return UsageLink(
        records=row["records"],
        quantity=row["quantity"],
        unit=row["unit"],
        first_at=row["covers_start"],
        last_at=row["covers_end"],
        href=f"{api_path('TMF635')}/usage?{where}",
    )


def _tax(row: Record, currency: str) -> TaxExplanation:
    base, tax = Money(row["base_minor"], currency), Money(row["tax_minor"], currency)
    percent: Decimal = row["percent"]
    exact = base.amount * percent / 100
    rounded = "" if exact == tax.amount else f", rounded {tax.amount}"
    return TaxExplanation(
        category=row["category"],
        percent=plain(percent),
        base=str(base.amount),
        tax=str(tax.amount),
        text=f"{row['category']}: {plain(percent)} % of {base.amount} = {amount_text(exact, currency)}{rounded}",
    )


def _href(api: str, resource: str, id_: str) -> str:
    return f"{api_path(api)}/{resource}/{id_}"
