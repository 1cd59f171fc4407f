"""What usage takes and tells: records from mediation's sources, outcomes, totals for billing."""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.kernel.errors import Unprocessable
from trunkline.kernel.quantity import Unit


class Refused(Unprocessable):
    """A record that cannot be counted. It is kept, with this reason, and can be processed again after repair.

    `code` is the reason's name as people filter by it ("missing-session-id").
    """

    def __init__(self, code: str, explanation: str) -> None:
        super().__init__(code, explanation)


class Outcome(StrEnum):
    """What became of a record: each has exactly one. In = rated + free + suspended + rejected."""

    RATED = "rated"
    FREE = "free"
    SUSPENDED = "suspended"
    REJECTED = "rejected"


class IdentifierKind(StrEnum):
    """By what the network names who used it."""

    RADIUS_USER = "radius-user"
    MSISDN = "msisdn"
    ACCOUNT_CODE = "account-code"


UNKNOWN_REASONS = {
    IdentifierKind.RADIUS_USER: "unknown-user",
    IdentifierKind.MSISDN: "unknown-number",
    IdentifierKind.ACCOUNT_CODE: "unknown-account-code",
}
"""Why usage is held when no product has the identifier at that instant."""


class UsageEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One complete usage, such as a call from a CDR file.

    occurred_at  when it happened, as the source stamped it
    facts        further particulars for the explanation: far end, direction
    chargeable   False for what is not to be charged (an incoming call); then `free_reason` says why
    """

    dedupe_key: str
    usage_type: str
    identifier_kind: IdentifierKind
    identifier: str
    quantity: int
    unit: Unit
    occurred_at: datetime
    facts: dict[str, str] = {}
    free_reason: str | None = None


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a record came from.

    source      "radius", "detail" or the name of a mapping
    source_ref  NAS, or file name and line
    shift       what is added to the source's time stamps: the clock's offset for a live network, zero for files
    """

    source: str
    source_ref: str
    received_at: datetime
    shift: timedelta = timedelta(0)
    batch_id: str | None = None


class RawAccounting(msgspec.Struct, frozen=True, kw_only=True):
    """An accounting request as received: attribute name → text or integer."""

    attributes: dict[str, Any]
    origin: Origin
    zone: str = "UTC"


class RawEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A CDR as received, with what its mapping made of it: an event, or the refusal with its key."""

    body: dict[str, Any]
    origin: Origin
    read: UsageEvent | Refused
    refused_key: str


RawInput = RawAccounting | RawEvent


class Ingested(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one record. `known`: it had come before, and nothing was changed."""

    outcome: Outcome
    known: bool = False
    reason: str | None = None


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Records by outcome. `known` ones had come before and are not counted again."""

    rated: int = 0
    free: int = 0
    suspended: int = 0
    rejected: int = 0
    known: int = 0

    @property
    def records_in(self) -> int:
        return self.rated + self.free + self.suspended + self.rejected


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """The result of feeding one file."""

    batch_id: str
    name: str
    counts: Counts
    suspended_by_reason: dict[str, int]
    rejected_by_reason: dict[str, int]


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file to import: its content and how it is read make the batch; the name may change."""

    name: str
    sha256: str
    mapping: str


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A record that is suspended or rejected, and why."""

    id: str
    outcome: Outcome
    reason: str
    message: str | None
    source: str
    source_ref: str
    received_at: datetime
    occurred_at: datetime | None
    identifier: str | None
    quantity: int
    unit: str | None


class HeldSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How many records are held for one reason, and since when."""

    outcome: Outcome
    reason: str
    records: int
    oldest_received_at: datetime


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which held records to process again: by reason, by id, or all."""

    reason: str | None = None
    ids: tuple[str, ...] = ()


class Reprocessed(msgspec.Struct, frozen=True, kw_only=True):
    """How many held records were looked at again, and what became of them."""

    looked_at: int
    counts: Counts


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A rejected record as it was kept, for reading it again; `dedupe_key` is what it goes by while it is no usage."""

    id: str
    dedupe_key: str
    source: str
    source_ref: str
    batch_id: str | None
    received_at: datetime
    body: dict[str, Any]


Rereader = Callable[[Kept], RawInput | None]
"""Reads a kept record with what is known now; None when its source cannot be read again."""


class RawRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record as it was received, beside what was made of it."""

    id: str
    source: str
    source_ref: str
    batch_id: str | None
    file: str | None
    received_at: datetime
    original_at: datetime | None
    occurred_at: datetime | None
    outcome: Outcome
    reason: str | None
    body: dict[str, Any]


class UsageTotal(msgspec.Struct, frozen=True, kw_only=True):
    """Unbilled usage of one product at one price. `charge_micros` in 10⁻⁶ of the currency's unit."""

    product_id: str
    price_id: str
    usage_type: str
    quantity: int
    unit: str
    charge_micros: int
    currency: str
    records: int
    first_at: datetime
    last_at: datetime


class BindIdentifier(msgspec.Struct, frozen=True, kw_only=True):
    """Usage of this identifier counts on this product from `valid_from` on. `kind` is one of IdentifierKind."""

    kind: str
    value: str
    product_id: str
    account_id: str
    valid_from: datetime


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """An identifier belongs to a product in [valid_from, valid_until)."""

    kind: IdentifierKind
    value: str
    product_id: str
    account_id: str
    valid_from: datetime
    valid_until: datetime | None = None
