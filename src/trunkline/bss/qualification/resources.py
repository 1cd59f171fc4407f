"""Checks and queries of product offering qualification (TMF679): tasks that carry their answer."""

from trunkline.bss.product_catalog.resources import product_offerings
from trunkline.bss.qualification.entities import (
    CHECK_PRODUCT_OFFERING_QUALIFICATION,
    QUERY_PRODUCT_OFFERING_QUALIFICATION,
    CheckProductOfferingQualification,
    QueryProductOfferingQualification,
)
from trunkline.kernel.tmf import LifeCycle, Reference, Resource

_TASK = LifeCycle(
    initial="acknowledged",
    entry={"done", "terminatedWithError"},
    moves={
        "acknowledged": {"inProgress", "done", "rejected", "cancelled", "terminatedWithError"},
        "inProgress": {"done", "cancelled", "terminatedWithError"},
    },
)

check_product_offering_qualifications = Resource(
    CheckProductOfferingQualification,
    CHECK_PRODUCT_OFFERING_QUALIFICATION,
    domain="qualification",
    life_cycle=_TASK,
    references=(Reference("checkProductOfferingQualificationItem[*].productOffering", to=(product_offerings,)),),
)

query_product_offering_qualifications = Resource(
    QueryProductOfferingQualification,
    QUERY_PRODUCT_OFFERING_QUALIFICATION,
    domain="qualification",
    life_cycle=_TASK,
    operations=("list", "retrieve", "delete"),
)
