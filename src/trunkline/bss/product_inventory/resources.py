"""Products (TMF637). A product keeps the offering, version and price as sold; its state is commercial.

Service and network state are other machines (`oss.service_inventory`, `oss.resource_inventory`).
"""

from trunkline.bss.account.resources import billing_accounts
from trunkline.bss.product_catalog.resources import product_offerings
from trunkline.bss.product_inventory.entities import PRODUCT, Product
from trunkline.kernel.tmf import LifeCycle, Reference, Resource

products = Resource(
    Product,
    PRODUCT,
    domain="product_inventory",
    life_cycle=LifeCycle(
        attribute="status",
        initial="created",
        entry={"active"},
        moves={
            "created": {"pendingActive", "active", "cancelled", "aborted"},
            "pendingActive": {"active", "cancelled", "aborted"},
            "active": {"suspended", "pendingTerminate", "terminated"},
            "suspended": {"active", "pendingTerminate", "terminated"},
            "pendingTerminate": {"active", "terminated"},
        },
    ),
    hot=("name", "startDate", "terminationDate"),
    index=("productOrderItem.orderId",),
    references=(
        Reference("productOffering", to=(product_offerings,)),
        Reference("billingAccount", to=(billing_accounts,)),
    ),
)
