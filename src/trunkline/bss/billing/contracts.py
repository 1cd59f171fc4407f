"""Commands, outcomes and answers of billing."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

JOB_KIND = "bill_run"


class RunType(StrEnum):
    """`runType` of a bill (TMF678)."""

    ON_CYCLE = "onCycle"
    OFF_CYCLE = "offCycle"


class RunBills(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Bill all accounts of a cycle whose day has come.

    cut_off_date  the cycle's day, in each account's own zone; not in the future
    cycle         id of a billing cycle specification; without it every cycle of that day
    account_ids   only these accounts
    """

    cut_off_date: date
    cycle: str | None = None
    account_ids: list[str] | None = None


class OutcomeKind(StrEnum):
    """What a run did with an account."""

    BILLED = "billed"
    NOTHING_DUE = "nothingDue"
    ALREADY_BILLED = "alreadyBilled"
    FAILED = "failed"


class AccountOutcome(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One account of a run. `code` and `message` say why it failed."""

    account_id: str
    outcome: OutcomeKind
    bill_id: str | None = None
    code: str | None = None
    message: str | None = None


class BillRunView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A bill run, how far it is, and what it could not bill (at most 100 are listed)."""

    id: str
    state: str
    cut_off_date: date
    cycle: str | None
    billed: int
    nothing_due: int
    already_billed: int
    failed: int
    failures: list[AccountOutcome]
    started_at: datetime
    finished_at: datetime | None


class ChargedSpan(msgspec.Struct, frozen=True, kw_only=True):
    """How far a price of a product is charged: [charged_from, charged_through). A one-time price has both equal."""

    product_id: str
    charge_key: str
    charged_from: datetime
    charged_through: datetime


class UsageLink(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The usage behind a line, and where its records are."""

    records: int
    quantity: int
    unit: str
    first_at: datetime
    last_at: datetime
    href: str


class Reference(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A link to a resource; `item` of an order."""

    id: str
    href: str
    name: str | None = None
    version: str | None = None
    item: str | None = None


class LineExplanation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why a line is on the bill. `text` is the whole of it in words; `formula` the numbers alone.

    start, end  what the line pays for, half-open; of usage the first and the last record's instants
    days        days charged of `period_days`, negative when given back; None where days do not count
    """

    id: str
    kind: str
    text: str
    formula: str
    net: str
    tax: str
    currency: str
    product: Reference
    product_order: Reference | None
    price: Reference
    unit_amount: str
    start: datetime | None = None
    end: datetime | None = None
    days: int | None = None
    period_days: int | None = None
    usage: UsageLink | None = None


class TaxExplanation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A tax of the bill: `base` × `percent`, rounded once."""

    category: str
    percent: str
    base: str
    tax: str
    text: str


class BillExplanation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A bill, explained line by line; the lines' nets add up to `net`, net and tax to `gross`."""

    id: str
    bill_no: str
    currency: str
    net: str
    tax: str
    gross: str
    lines: list[LineExplanation]
    taxes: list[TaxExplanation]


class LastBill(msgspec.Struct, frozen=True, kw_only=True):
    """The bill that an account got last. `cut_off` is the instant up to which it counts."""

    account_id: str
    bill_no: str
    cut_off: datetime
    issued_at: datetime


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A bill as it was issued, with the data its document is rendered from."""

    id: str
    bill_no: str
    bill_date: datetime
    template_version: str
    document: str
    document_sha256: str


class TaxOnLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A line's part of a tax, as stored with the line."""

    category: str
    percent: Decimal
    tax_minor: int


class Letterhead(msgspec.Struct, frozen=True, kw_only=True):
    """A name with its address, and for a seller what the law wants on a bill.

    tax_id         the VAT number
    number_prefix  what bill numbers begin with
    facts          further lines: contact, bank
    """

    id: str
    name: str
    address: list[str]
    tax_id: str = ""
    number_prefix: str = ""
    facts: list[str] = []
