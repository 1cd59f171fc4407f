"""The data of a printed bill: everything as the words and numbers that appear on it, so that the same data and template
give the same document for ever. Pure."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from trunkline.bss.billing.contracts import Letterhead
from trunkline.bss.billing.model.assembly import Item
from trunkline.bss.billing.model.terms import Terms
from trunkline.bss.rating.contracts import Totals
from trunkline.bss.rating.facade import covers_text, date_text, days_text, formula, plain
from trunkline.kernel.money import Money
from trunkline.kernel.period import Period

TEMPLATE_VERSION = "invoice-1"


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What stands above the lines of a bill."""

    bill_id: str
    bill_no: str
    bill_day: date
    due_day: date
    period: Period
    seller: Letterhead
    buyer: Letterhead


def invoice_data(header: Header, items: tuple[Item, ...], totals: Totals, terms: Terms) -> dict[str, Any]:
    """The document's data, as the template takes it."""
    zone = terms.cycle.zone
    rates = {amount.rate.percent for amount in totals.taxes}
    return {
        "id": header.bill_id,
        "number": header.bill_no,
        "date": date_text(header.bill_day),
        "due": date_text(header.due_day),
        "period": covers_text(header.period, zone),
        "account": terms.account_id,
        "currency": terms.currency,
        "seller": _letterhead(header.seller),
        "buyer": _letterhead(header.buyer),
        "creditNote": totals.gross.minor < 0,
        "lines": [_line(item, zone, several_rates=len(rates) > 1) for item in items],
        "net": amount_words(totals.net),
        "taxes": [
            {
                "name": f"{amount.rate.category} {plain(amount.rate.percent)} % on {amount_words(amount.base)}",
                "amount": amount_words(amount.tax),
            }
            for amount in totals.taxes
        ],
        "gross": amount_words(totals.gross),
    }


def amount_words(money: Money) -> str:
    """1234567 cents are "12,345.67"; a minus sign is a real one."""
    text = f"{abs(money.amount):,f}"
    return f"−{text}" if money.minor < 0 else text


def _letterhead(party: Letterhead) -> dict[str, Any]:
    return {"name": party.name, "address": party.address, "taxId": party.tax_id, "facts": party.facts}


def _line(item: Item, zone: ZoneInfo, *, several_rates: bool) -> dict[str, Any]:
    line = item.line
    title = line.price.name or item.product_name
    if item.product_name and item.product_name not in title:
        title = f"{item.product_name}: {title}"
    if line.net.minor < 0:
        title += ", credit"
    rate = sum((tax.percent for tax in line.price.taxes), Decimal(0))
    return {
        "title": title,
        "period": covers_of(item, zone),
        "detail": formula(line, zone) + (f" · tax {plain(rate)} %" if several_rates else ""),
        "net": amount_words(line.net),
    }


def covers_of(item: Item, zone: ZoneInfo) -> str:
    """The days that a line pays for, as words; "" for a one-time charge."""
    covers = item.line.covers
    if covers is None:
        return ""
    if item.usage is not None:
        return _days(covers.start, covers.end or covers.start, zone)
    return covers_text(covers, zone)


def _days(first: datetime, last: datetime, zone: ZoneInfo) -> str:
    """Usage counts its last day too, unlike a charged period."""
    a, b = (instant.astimezone(zone).date() for instant in (first, last))
    return days_text(a, b)
