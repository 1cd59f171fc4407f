"""Catalogs, categories, specifications, offerings and prices (TMF620).

Entities are versioned by their `version`; what was sold keeps its version and price as sold on the product.
"""

from datetime import datetime

from trunkline.bss.product_catalog.entities import (
    CATEGORY,
    EXPORT_JOB,
    IMPORT_JOB,
    PRODUCT_CATALOG,
    PRODUCT_OFFERING,
    PRODUCT_OFFERING_PRICE,
    PRODUCT_SPECIFICATION,
    PROMOTION,
    Category,
    ExportJob,
    ImportJob,
    ProductCatalog,
    ProductOffering,
    ProductOfferingPrice,
    ProductSpecification,
    Promotion,
)
from trunkline.kernel.tmf import Document, LifeCycle, Reference, Resource
from trunkline.kernel.transfer.tmf_jobs import LIFE_CYCLE as JOB_LIFE_CYCLE
from trunkline.kernel.transfer.tmf_jobs import TransferApi

# Not the one of other catalogs (`SPECIFICATION_LIFE_CYCLE`): what is sold has been tested, and is launched again, not made
# anew, once it was retired.
LIFE_CYCLE = LifeCycle(
    attribute="lifecycleStatus",
    initial="In study",
    entry={"In design", "In test", "Active", "Launched"},
    moves={
        "In study": {"In design", "Rejected"},
        "In design": {"In test", "Rejected"},
        "In test": {"Active", "In design", "Rejected"},
        "Active": {"Launched", "Retired"},
        "Launched": {"Retired"},
        "Retired": {"Obsolete", "Launched"},
    },
)
SELLABLE = frozenset({"Active", "Launched"})
WITHDRAWN = frozenset({"Rejected", "Retired", "Obsolete"})

categories = Resource(Category, CATEGORY, domain="product_catalog", life_cycle=LIFE_CYCLE, hot=("name",))
categories.refer(Reference("parent", to=(categories,)))

product_specifications = Resource(
    ProductSpecification, PRODUCT_SPECIFICATION, domain="product_catalog", life_cycle=LIFE_CYCLE, hot=("name",)
)

product_offering_prices = Resource(
    ProductOfferingPrice,
    PRODUCT_OFFERING_PRICE,
    domain="product_catalog",
    life_cycle=LIFE_CYCLE,
    hot=("name", "priceType"),
)

product_offerings = Resource(
    ProductOffering,
    PRODUCT_OFFERING,
    domain="product_catalog",
    life_cycle=LIFE_CYCLE,
    hot=("name",),
    references=(
        Reference("productSpecification", to=(product_specifications,)),
        Reference("productOfferingPrice[*]", to=(product_offering_prices,)),
        Reference("category[*]", to=(categories,)),
    ),
)

product_offerings.refer(Reference("bundledProductOffering[*]", to=(product_offerings,)))

product_catalogs = Resource(
    ProductCatalog,
    PRODUCT_CATALOG,
    domain="product_catalog",
    life_cycle=LIFE_CYCLE,
    hot=("name",),
    references=(Reference("category[*]", to=(categories,)),),
)


def is_sellable(offering: Document, now: datetime) -> bool:
    """Whether the offering may be sold at this instant: life cycle, `isSellable` and validity."""
    return (
        offering.get("lifecycleStatus") in SELLABLE
        and offering.get("isSellable", True) is True
        and _is_valid(offering, now)
    )


def is_chargeable(price: Document, now: datetime) -> bool:
    """Whether a price of an offering is sold with it at this instant: not withdrawn, and valid. Its `validFor` says when it
    is sold; what was sold stays as sold."""
    return price.get("lifecycleStatus") not in WITHDRAWN and _is_valid(price, now)


def _is_valid(record: Document, now: datetime) -> bool:
    limits = record.get("validFor", {})
    start, end = limits.get("startDateTime"), limits.get("endDateTime")
    return (start is None or datetime.fromisoformat(start) <= now) and (
        end is None or now < datetime.fromisoformat(end)
    )


promotions = Resource(Promotion, PROMOTION, domain="product_catalog", life_cycle=LIFE_CYCLE, hot=("name",))

export_jobs = Resource(ExportJob, EXPORT_JOB, domain="product_catalog", life_cycle=JOB_LIFE_CYCLE)

import_jobs = Resource(ImportJob, IMPORT_JOB, domain="product_catalog", life_cycle=JOB_LIFE_CYCLE)

transfer = TransferApi(
    export_jobs,
    import_jobs,
    (categories, product_specifications, product_offering_prices, product_offerings, product_catalogs),
)
