"""Checks and queries of product offering qualification (TMF679): tasks that carry their answer."""

from trunkline.bss.product_catalog.resources import product_offerings
from trunkline.bss.qualification.entities import (
    CHECK_PRODUCT_OFFERING_QUALIFICATION,
    PARTY_ROLE_PRODUCT_OFFERING_RISK_ASSESSMENT,
    PARTY_ROLE_RISK_ASSESSMENT,
    PRODUCT_OFFERING_RISK_ASSESSMENT,
    PRODUCT_ORDER_RISK_ASSESSMENT,
    QUERY_PRODUCT_OFFERING_QUALIFICATION,
    SHOPPING_CART_RISK_ASSESSMENT,
    CheckProductOfferingQualification,
    PartyRoleProductOfferingRiskAssessment,
    PartyRoleRiskAssessment,
    ProductOfferingRiskAssessment,
    ProductOrderRiskAssessment,
    QueryProductOfferingQualification,
    ShoppingCartRiskAssessment,
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


RISK_ENGINE = (
    "No risk engine is connected, so nothing could be assessed. Ask the one who runs this installation to connect one."
)

party_role_product_offering_risk_assessments = Resource(
    PartyRoleProductOfferingRiskAssessment,
    PARTY_ROLE_PRODUCT_OFFERING_RISK_ASSESSMENT,
    domain="qualification",
    unavailable=RISK_ENGINE,
)

party_role_risk_assessments = Resource(
    PartyRoleRiskAssessment, PARTY_ROLE_RISK_ASSESSMENT, domain="qualification", unavailable=RISK_ENGINE
)

product_offering_risk_assessments = Resource(
    ProductOfferingRiskAssessment, PRODUCT_OFFERING_RISK_ASSESSMENT, domain="qualification", unavailable=RISK_ENGINE
)

product_order_risk_assessments = Resource(
    ProductOrderRiskAssessment, PRODUCT_ORDER_RISK_ASSESSMENT, domain="qualification", unavailable=RISK_ENGINE
)

shopping_cart_risk_assessments = Resource(
    ShoppingCartRiskAssessment, SHOPPING_CART_RISK_ASSESSMENT, domain="qualification", unavailable=RISK_ENGINE
)
