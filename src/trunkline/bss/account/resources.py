"""Billing, party, financial and settlement accounts, cycles, bill formats and media (TMF666).

Two attributes of ours on a billing cycle specification: `timeZone` (IANA name; the zone in which its days are days) and
`dayOfMonth` (1 to 28; the local day on which bills are made). A billing account may name its `currency`.
"""

from trunkline.bss.account.entities import (
    BILL_FORMAT,
    BILL_PRESENTATION_MEDIA,
    BILLING_ACCOUNT,
    BILLING_CYCLE_SPECIFICATION,
    FINANCIAL_ACCOUNT,
    PARTY_ACCOUNT,
    SETTLEMENT_ACCOUNT,
    BillFormat,
    BillingAccount,
    BillingCycleSpecification,
    BillPresentationMedia,
    FinancialAccount,
    PartyAccount,
    SettlementAccount,
)
from trunkline.bss.customer.resources import customers
from trunkline.bss.party.resources import individuals, organizations
from trunkline.kernel.tmf import LifeCycle, Reference, Resource

LIFE_CYCLE = LifeCycle(
    initial="active",
    moves={"active": {"suspended", "closed"}, "suspended": {"active", "closed"}},
)
_HOLDER = Reference("relatedParty[*].partyOrPartyRole", to=(customers, individuals, organizations))

bill_formats = Resource(BillFormat, BILL_FORMAT, domain="account", hot=("name",))
bill_presentation_media = Resource(BillPresentationMedia, BILL_PRESENTATION_MEDIA, domain="account", hot=("name",))
billing_cycle_specifications = Resource(
    BillingCycleSpecification, BILLING_CYCLE_SPECIFICATION, domain="account", hot=("name",)
)
financial_accounts = Resource(
    FinancialAccount, FINANCIAL_ACCOUNT, domain="account", life_cycle=LIFE_CYCLE, hot=("name",), references=(_HOLDER,)
)
billing_accounts = Resource(
    BillingAccount,
    BILLING_ACCOUNT,
    domain="account",
    life_cycle=LIFE_CYCLE,
    hot=("name",),
    references=(
        _HOLDER,
        Reference("billStructure.cycleSpecification", to=(billing_cycle_specifications,)),
        Reference("financialAccount", to=(financial_accounts,)),
    ),
)
party_accounts = Resource(
    PartyAccount, PARTY_ACCOUNT, domain="account", life_cycle=LIFE_CYCLE, hot=("name",), references=(_HOLDER,)
)
settlement_accounts = Resource(
    SettlementAccount, SETTLEMENT_ACCOUNT, domain="account", life_cycle=LIFE_CYCLE, hot=("name",), references=(_HOLDER,)
)
