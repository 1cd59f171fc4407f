"""An account's billing terms, out of the account (TMF666) and its billing cycle specification."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from trunkline.bss.rating.contracts import BillingStart, Cycle, Policy, ProrationPolicy
from trunkline.kernel.errors import Unprocessable
from trunkline.kernel.period import day_start, zone

PAYMENT_DAYS = 14
PAYMENT_DAYS_MAX = 365


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """By which rules an account is billed.

    seller_id     organization in whose name and number range bills are issued
    payment_days  from the bill date to the due date
    """

    account_id: str
    account_name: str
    cycle_id: str
    cycle_name: str
    cycle: Cycle
    currency: str
    policy: Policy
    seller_id: str
    payment_days: int
    related_party: list[dict[str, Any]]

    def cut_off(self, day: date) -> datetime:
        """The instant at which a local day begins for this account."""
        return day_start(day, self.cycle.zone)

    def due_day(self, day: date) -> date:
        """The local day on which a bill of that day is to be paid."""
        return day + timedelta(days=self.payment_days)


def terms_of(account: dict[str, Any], specification: dict[str, Any]) -> Terms:
    """The terms, all gaps refused with Unprocessable and the path.

    Of the specification: `timeZone` (IANA), `dayOfMonth` 1 to 28, `seller.id`, `currency`, `prorationPolicy` (day),
    `billingStart` (activation), `paymentDueDateOffset` in days (14). The account's own `currency` and a related party in
    the role seller come first.
    """
    currency = account.get("currency") or specification.get("currency")
    if not isinstance(currency, str) or len(currency) != 3:
        raise Unprocessable("currencyMissing", "The billing account has no currency.", path="$.currency")
    parties: list[dict[str, Any]] = account.get("relatedParty", [])
    return Terms(
        account_id=account["id"],
        account_name=account.get("name", ""),
        cycle_id=specification["id"],
        cycle_name=specification.get("name", specification["id"]),
        cycle=cycle_of(specification),
        currency=currency,
        policy=Policy(
            proration=_choice(ProrationPolicy, specification, "prorationPolicy", ProrationPolicy.DAY),
            billing_start=_choice(BillingStart, specification, "billingStart", BillingStart.ACTIVATION),
        ),
        seller_id=_seller(parties, specification),
        payment_days=_whole(
            specification.get("paymentDueDateOffset", PAYMENT_DAYS), "paymentDueDateOffset", 0, PAYMENT_DAYS_MAX
        ),
        related_party=parties,
    )


def cycle_of(specification: dict[str, Any]) -> Cycle:
    """When the months of a billing cycle specification begin. Raises Invalid for a day or zone that does not exist."""
    day = _whole(specification.get("dayOfMonth", 1), "dayOfMonth", 1, 28)
    return Cycle(day_of_month=day, zone=zone(specification.get("timeZone", "UTC")))


def party_in_role(parties: list[dict[str, Any]], role: str) -> str | None:
    """The id of the first party in a role, or None."""
    for party in parties:
        if party.get("role") == role:
            found: str | None = party.get("partyOrPartyRole", {}).get("id")
            return found
    return None


def _seller(parties: list[dict[str, Any]], specification: dict[str, Any]) -> str:
    found = party_in_role(parties, "seller") or specification.get("seller", {}).get("id")
    if not found:
        raise Unprocessable(
            "sellerMissing",
            "Nobody is named who issues the bill.",
            path="$.seller.id",
            hint="Set seller.id of the billing cycle specification to an organization.",
        )
    return str(found)


_C = ProrationPolicy | BillingStart


def _choice(kind: Any, specification: dict[str, Any], name: str, default: _C) -> Any:
    value = specification.get(name, default)
    if value not in tuple(kind):
        raise Unprocessable("unknownPolicy", f"{value!r} is not known.", path=f"$.{name}", allowed=tuple(kind))
    return kind(value)


def _whole(value: Any, name: str, least: int, most: int) -> int:
    if isinstance(value, (int, Decimal)) and value == int(value) and least <= value <= most:
        return int(value)
    raise Unprocessable("outOfRange", f"{name} is a whole number from {least} to {most}.", path=f"$.{name}")
