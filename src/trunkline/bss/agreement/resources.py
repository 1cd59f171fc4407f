"""Agreements and what they are made after (TMF651)."""

from trunkline.bss.agreement.entities import AGREEMENT, AGREEMENT_SPECIFICATION, Agreement, AgreementSpecification
from trunkline.bss.customer.resources import customers
from trunkline.bss.party.resources import individuals, organizations, party_roles
from trunkline.bss.product_catalog.resources import product_offerings
from trunkline.kernel.tmf import LifeCycle, Reference, Resource
from trunkline.kernel.tmf.life_cycle import SPECIFICATION_LIFE_CYCLE

LIFE_CYCLE = LifeCycle(
    attribute="status",
    initial="inProcess",
    entry={"approved"},
    moves={
        "inProcess": {"pendingApproval", "approved", "rejected", "cancelled"},
        "pendingApproval": {"approved", "rejected", "cancelled"},
        "approved": {"terminated", "expired"},
    },
)

agreement_specifications = Resource(
    AgreementSpecification,
    AGREEMENT_SPECIFICATION,
    domain="agreement",
    life_cycle=SPECIFICATION_LIFE_CYCLE,
    hot=("name",),
)

agreements = Resource(
    Agreement,
    AGREEMENT,
    domain="agreement",
    life_cycle=LIFE_CYCLE,
    hot=("name", "agreementType"),
    index=("agreementItem.productOffering.id",),
    references=(
        Reference("agreementSpecification", to=(agreement_specifications,)),
        Reference(
            "engagedParty[*]",
            to=(
                individuals,
                organizations,
                party_roles,
                customers,
            ),
        ),
        Reference("agreementItem[*].productOffering[*]", to=(product_offerings,)),
    ),
)
