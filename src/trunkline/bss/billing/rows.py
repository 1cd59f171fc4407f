"""Rows of an issued bill, in the order of the store's columns."""

from decimal import Decimal
from typing import Any

from trunkline.bss.billing.contracts import RunType, TaxOnLine
from trunkline.bss.billing.model.assembly import Item
from trunkline.bss.billing.model.invoice import Header
from trunkline.bss.billing.model.terms import Terms, party_in_role
from trunkline.bss.rating.contracts import TaxAmount, Totals
from trunkline.bss.rating.facade import formula, line_title
from trunkline.kernel.context import Context
from trunkline.kernel.money import decimals_of
from trunkline.kernel.period import day_start
from trunkline.kernel.tmf.document import encode


def bill_row(
    header: Header,
    terms: Terms,
    sums: Totals,
    context: Context,
    *,
    number: int,
    run_id: str | None,
    run_type: RunType,
    template_version: str,
    document: str,
    document_sha256: str,
) -> tuple[Any, ...]:
    """The bill's row."""
    cycle_id = f"{terms.cycle_id}-{header.bill_day:%Y-%m-%d}"
    zone = terms.cycle.zone
    return (
        context.tenant,
        header.bill_id,
        terms.account_id,
        terms.account_name,
        header.bill_no,
        header.seller.id,
        header.bill_day.year,
        number,
        run_id,
        run_type,
        "normal" if run_type is RunType.ON_CYCLE else "interim",
        cycle_id,
        terms.cycle_id,
        terms.cycle_name,
        header.bill_day,
        day_start(header.bill_day, zone),
        day_start(header.due_day, zone),
        header.period.start,
        header.period.end,
        context.now,
        zone.key,
        terms.currency,
        decimals_of(terms.currency),
        sums.net.minor,
        sums.tax.minor,
        sums.gross.minor,
        encode(terms.related_party).decode(),
        _bill_tokens(terms, cycle_id),
        template_version,
        document,
        document_sha256,
    )


def line_row(
    position: int,
    line_id: str,
    bill_id: str,
    item: Item,
    taxes: tuple[TaxAmount, ...],
    terms: Terms,
    context: Context,
) -> tuple[Any, ...]:
    """A line's row, with all that its explanation needs."""
    line, zone = item.line, terms.cycle.zone
    price, share = line.price, line.share
    stored = [TaxOnLine(category=tax.rate.category, percent=tax.rate.percent, tax_minor=tax.tax.minor) for tax in taxes]
    return (
        context.tenant,
        line_id,
        bill_id,
        position,
        terms.account_id,
        item.product_id,
        item.product_name,
        item.order_id,
        item.order_item_id,
        price.kind,
        price.id,
        price.version,
        item.charge_key,
        price.name,
        price.amount,
        line_title(line, zone),
        formula(line, zone),
        line.net.minor,
        sum(tax.tax.minor for tax in taxes),
        line.net.currency,
        decimals_of(line.net.currency),
        encode(stored).decode(),
        line.covers.start if line.covers else None,
        line.covers.end if line.covers else None,
        line.period.start if line.period else None,
        line.period.end if line.period else None,
        share.part if share else None,
        share.whole if share else None,
        share.unit if share else None,
        line.quantity,
        price.unit,
        line.records,
        context.now,
        [
            f"bill.id={bill_id}",
            f"billingAccount.id={terms.account_id}",
            f"product.id={item.product_id}",
        ],
    )


def tax_row(tenant: str, bill_id: str, amount: TaxAmount) -> tuple[str, str, str, Decimal, int, int]:
    """The row of one tax of the bill."""
    return (tenant, bill_id, amount.rate.category, amount.rate.percent, amount.base.minor, amount.tax.minor)


def _bill_tokens(terms: Terms, cycle_id: str) -> list[str]:
    """What lists of bills are filtered by through the index."""
    parties = {party.get("partyOrPartyRole", {}).get("id") for party in terms.related_party}
    customer = party_in_role(terms.related_party, "customer")
    return [
        f"billingAccount.id={terms.account_id}",
        f"billCycle.id={cycle_id}",
        *(f"relatedParty.partyOrPartyRole.id={id_}" for id_ in sorted({*parties, customer} - {None})),
    ]
