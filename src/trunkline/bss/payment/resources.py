"""Payment methods (TMF670), payments and refunds (TMF676): the record face."""

from trunkline.bss.account.resources import billing_accounts, financial_accounts, party_accounts, settlement_accounts
from trunkline.bss.payment.entities import PAYMENT, PAYMENT_METHOD, REFUND, Payment, PaymentMethod, Refund
from trunkline.kernel.tmf import LifeCycle, Reference, Resource

_MONEY_LIFE_CYCLE = LifeCycle(
    attribute="status",
    initial="pendingAuthorization",
    entry={"authorized", "captured", "done"},
    moves={
        "pendingAuthorization": {"authorized", "denied", "canceled", "failed"},
        "authorized": {"captured", "canceled", "failed"},
        "captured": {"done", "failed"},
    },
)

payment_methods = Resource(
    PaymentMethod,
    PAYMENT_METHOD,
    domain="payment",
    life_cycle=LifeCycle(
        attribute="status",
        initial="active",
        entry={"pending"},
        moves={
            "pending": {"active", "rejected"},
            "active": {"suspended", "expired", "closed"},
            "suspended": {"active", "closed"},
            "expired": {"active", "closed"},
        },
    ),
    hot=("name",),
    references=(
        Reference(
            "account[*]",
            to=(
                billing_accounts,
                financial_accounts,
                party_accounts,
                settlement_accounts,
            ),
        ),
    ),
)

payments = Resource(
    Payment,
    PAYMENT,
    domain="payment",
    life_cycle=_MONEY_LIFE_CYCLE,
    hot=("name", "paymentDate"),
    references=(
        Reference(
            "account",
            to=(
                billing_accounts,
                financial_accounts,
                party_accounts,
                settlement_accounts,
            ),
        ),
    ),
)

refunds = Resource(
    Refund,
    REFUND,
    domain="payment",
    life_cycle=_MONEY_LIFE_CYCLE,
    hot=("name", "refundDate"),
    references=(
        Reference(
            "account",
            to=(
                billing_accounts,
                financial_accounts,
                party_accounts,
                settlement_accounts,
            ),
        ),
        Reference("payment", to=(payments,)),
    ),
)
