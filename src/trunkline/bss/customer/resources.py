"""Customers (TMF629): a party in the role of a buyer. Name and address stay with the party."""

from trunkline.bss.customer.entities import CUSTOMER, Customer
from trunkline.bss.party.resources import individuals, organizations
from trunkline.kernel.tmf import LifeCycle, Reference, Resource

customers = Resource(
    Customer,
    CUSTOMER,
    domain="customer",
    life_cycle=LifeCycle(
        attribute="status",
        initial="initialized",
        entry={"approved"},
        moves={
            "initialized": {"approved", "closed"},
            "approved": {"suspended", "closed"},
            "suspended": {"approved", "closed"},
        },
    ),
    hot=("name",),
    references=(Reference("engagedParty", to=(individuals, organizations)),),
)
