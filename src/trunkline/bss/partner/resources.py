"""Partnerships (TMF668) and how revenue is shared with partners (TMF736, TMF737, TMF738): the record face."""

from trunkline.bss.partner.entities import (
    PARTNERSHIP,
    PARTNERSHIP_SPECIFICATION,
    PARTY_REV_SHARING_ALGORITHM,
    PARTY_REV_SHARING_MODEL,
    PARTY_REV_SHARING_REPORT,
    Partnership,
    PartnershipSpecification,
    PartyRevSharingAlgorithm,
    PartyRevSharingModel,
    PartyRevSharingReport,
)
from trunkline.bss.product_catalog.resources import product_specifications
from trunkline.kernel.tmf import Reference, Resource

partnership_specifications = Resource(
    PartnershipSpecification, PARTNERSHIP_SPECIFICATION, domain="partner", hot=("name",)
)

partnerships = Resource(
    Partnership,
    PARTNERSHIP,
    domain="partner",
    hot=("name",),
    references=(Reference("specification", to=(partnership_specifications,)),),
)

party_rev_sharing_algorithms = Resource(
    PartyRevSharingAlgorithm, PARTY_REV_SHARING_ALGORITHM, domain="partner", hot=("name",)
)

party_rev_sharing_models = Resource(
    PartyRevSharingModel,
    PARTY_REV_SHARING_MODEL,
    domain="partner",
    hot=("name",),
    references=(Reference("productSpecification[*]", to=(product_specifications,)),),
)

party_rev_sharing_reports = Resource(
    PartyRevSharingReport,
    PARTY_REV_SHARING_REPORT,
    domain="partner",
    references=(Reference("partyRevSharingModel", to=(party_rev_sharing_models,)),),
)
