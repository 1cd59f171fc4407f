"""Catalogs of entities of any kind (TMF662)."""

from trunkline.kernel.entity_catalog.entities import (
    ASSOCIATION_SPECIFICATION,
    ENTITY_CATALOG,
    ENTITY_CATALOG_ITEM,
    ENTITY_CATEGORY,
    ENTITY_SPECIFICATION,
    EXPORT_JOB,
    IMPORT_JOB,
    AssociationSpecification,
    EntityCatalog,
    EntityCatalogItem,
    EntityCategory,
    EntitySpecification,
    ExportJob,
    ImportJob,
)
from trunkline.kernel.tmf import Reference, Resource
from trunkline.kernel.tmf.life_cycle import SPECIFICATION_LIFE_CYCLE
from trunkline.kernel.transfer.tmf_jobs import LIFE_CYCLE as JOB_LIFE_CYCLE
from trunkline.kernel.transfer.tmf_jobs import TransferApi

entity_specifications = Resource(
    EntitySpecification,
    ENTITY_SPECIFICATION,
    domain="entity_catalog",
    life_cycle=SPECIFICATION_LIFE_CYCLE,
    hot=("name",),
)

association_specifications = Resource(
    AssociationSpecification,
    ASSOCIATION_SPECIFICATION,
    domain="entity_catalog",
    life_cycle=SPECIFICATION_LIFE_CYCLE,
    hot=("name",),
)

entity_categories = Resource(
    EntityCategory, ENTITY_CATEGORY, domain="entity_catalog", life_cycle=SPECIFICATION_LIFE_CYCLE, hot=("name",)
)

entity_catalog_items = Resource(
    EntityCatalogItem,
    ENTITY_CATALOG_ITEM,
    domain="entity_catalog",
    life_cycle=SPECIFICATION_LIFE_CYCLE,
    hot=("name",),
    references=(
        Reference("specification", to=(entity_specifications,)),
        Reference("category[*]", to=(entity_categories,)),
    ),
)

entity_catalogs = Resource(
    EntityCatalog,
    ENTITY_CATALOG,
    domain="entity_catalog",
    life_cycle=SPECIFICATION_LIFE_CYCLE,
    hot=("name",),
    references=(Reference("category[*]", to=(entity_categories,)),),
)

export_jobs = Resource(ExportJob, EXPORT_JOB, domain="entity_catalog", life_cycle=JOB_LIFE_CYCLE)

import_jobs = Resource(ImportJob, IMPORT_JOB, domain="entity_catalog", life_cycle=JOB_LIFE_CYCLE)

transfer = TransferApi(
    export_jobs,
    import_jobs,
    (entity_specifications, association_specifications, entity_categories, entity_catalog_items, entity_catalogs),
)
