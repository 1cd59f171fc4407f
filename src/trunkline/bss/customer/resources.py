"""Customers (TMF629): a party in the role of a buyer. Name and address stay with the party."""

from trunkline.bss.customer.entities import CUSTOMER, PARTY_INTERACTION, Customer, PartyInteraction
from trunkline.bss.party.resources import individuals, organizations, party_roles
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


INTERACTION_LIFE_CYCLE = LifeCycle(
    attribute="status",
    initial="opened",
    entry={"inProgress", "completed"},
    moves={"opened": {"inProgress", "completed", "cancelled"}, "inProgress": {"completed", "cancelled"}},
)

party_interactions = Resource(
    PartyInteraction,
    PARTY_INTERACTION,
    domain="customer",
    life_cycle=INTERACTION_LIFE_CYCLE,
    hot=("creationDate",),
    references=(
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
