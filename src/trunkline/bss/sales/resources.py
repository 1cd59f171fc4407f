"""Leads (TMF699), carts (TMF663), quotes (TMF648), and the recommendation (TMF680) and configuration (TMF760) tasks."""

from trunkline.bss.account.resources import billing_accounts
from trunkline.bss.agreement.resources import agreements
from trunkline.bss.customer.resources import customers
from trunkline.bss.party.resources import individuals, organizations, party_roles
from trunkline.bss.product_catalog.resources import categories, product_offerings
from trunkline.bss.product_inventory.resources import products
from trunkline.bss.sales.entities import (
    CHECK_PRODUCT_CONFIGURATION,
    QUERY_PRODUCT_CONFIGURATION,
    QUERY_PRODUCT_RECOMMENDATION,
    QUOTE,
    SALES_LEAD,
    SHOPPING_CART,
    CheckProductConfiguration,
    QueryProductConfiguration,
    QueryProductRecommendation,
    Quote,
    SalesLead,
    ShoppingCart,
)
from trunkline.kernel.tmf import LifeCycle, Reference, Resource
from trunkline.kernel.tmf.life_cycle import task_life_cycle

PARTIES = (individuals, organizations, party_roles, customers)
RECOMMENDATION = "No recommendation engine is connected, so nothing is recommended."
CONFIGURATION = "The product configurator is not part of this installation yet, so nothing was checked."
LEAD_LIFE_CYCLE = LifeCycle(
    attribute="status",
    initial="acknowledged",
    moves={
        "acknowledged": {"inProgress", "accepted", "rejected", "cancelled", "pending"},
        "pending": {"inProgress", "accepted", "rejected", "cancelled"},
        "inProgress": {"pending", "accepted", "rejected", "cancelled"},
    },
)
QUOTE_LIFE_CYCLE = LifeCycle(
    initial="inProgress",
    moves={
        "inProgress": {"pending", "approved", "rejected", "cancelled"},
        "pending": {"inProgress", "approved", "rejected", "cancelled"},
        "approved": {"accepted", "inProgress", "rejected", "cancelled"},
    },
)

sales_leads = Resource(
    SalesLead,
    SALES_LEAD,
    domain="sales",
    life_cycle=LEAD_LIFE_CYCLE,
    hot=("name",),
    references=(
        Reference("category", to=(categories,)),
        Reference("productOffering", to=(product_offerings,)),
        Reference("product", to=(products,)),
        Reference(
            "relatedParty[*].partyOrPartyRole",
            to=(
                individuals,
                organizations,
                party_roles,
                customers,
            ),
        ),
    ),
)

shopping_carts = Resource(
    ShoppingCart,
    SHOPPING_CART,
    domain="sales",
    index=("cartItem.productOffering.id",),
    references=(
        Reference("cartItem[*].productOffering", to=(product_offerings,)),
        Reference(
            "relatedParty[*].partyOrPartyRole",
            to=(
                individuals,
                organizations,
                party_roles,
                customers,
            ),
        ),
    ),
)

quotes = Resource(
    Quote,
    QUOTE,
    domain="sales",
    life_cycle=QUOTE_LIFE_CYCLE,
    hot=("quoteDate", "expectedQuoteCompletionDate"),
    index=("quoteItem.productOffering.id",),
    references=(
        Reference("agreement[*]", to=(agreements,)),
        Reference("billingAccount[*]", to=(billing_accounts,)),
        Reference("quoteItem[*].productOffering", to=(product_offerings,)),
        Reference(
            "relatedParty[*].partyOrPartyRole",
            to=(
                individuals,
                organizations,
                party_roles,
                customers,
            ),
        ),
    ),
)

query_product_recommendations = Resource(
    QueryProductRecommendation,
    QUERY_PRODUCT_RECOMMENDATION,
    domain="sales",
    life_cycle=task_life_cycle("accepted"),
    unavailable=RECOMMENDATION,
)

check_product_configurations = Resource(
    CheckProductConfiguration,
    CHECK_PRODUCT_CONFIGURATION,
    domain="sales",
    life_cycle=task_life_cycle("acknowledged"),
    unavailable=CONFIGURATION,
)

query_product_configurations = Resource(
    QueryProductConfiguration,
    QUERY_PRODUCT_CONFIGURATION,
    domain="sales",
    life_cycle=task_life_cycle("acknowledged"),
    unavailable=CONFIGURATION,
)
