"""Service catalogs, categories, candidates and specifications (TMF633).

A specification's `@type` tells the layer: CustomerFacingServiceSpecification or ResourceFacingServiceSpecification.
A CFS names its RFS in `serviceSpecRelationship` (relationshipType "realizedBy"); an RFS names what it holds in
`resourceSpecification` and how it is brought about in an attribute of ours, `provisioning`: a list of steps
{name, kind, action, dependsOn, undo, input} (see `oss.service_order`).
"""

from trunkline.kernel.tmf import LifeCycle, Reference, Resource
from trunkline.kernel.transfer.tmf_jobs import LIFE_CYCLE as JOB_LIFE_CYCLE
from trunkline.kernel.transfer.tmf_jobs import TransferApi
from trunkline.oss.resource_catalog.resources import resource_specifications
from trunkline.oss.service_catalog.entities import (
    EXPORT_JOB,
    IMPORT_JOB,
    SERVICE_CANDIDATE,
    SERVICE_CATALOG,
    SERVICE_CATEGORY,
    SERVICE_SPECIFICATION,
    ExportJob,
    ImportJob,
    ServiceCandidate,
    ServiceCatalog,
    ServiceCategory,
    ServiceSpecification,
)

CFS = "CustomerFacingServiceSpecification"
RFS = "ResourceFacingServiceSpecification"
REALIZED_BY = "realizedBy"

LIFE_CYCLE = LifeCycle(
    attribute="lifecycleStatus",
    initial="In design",
    entry={"Active"},
    moves={"In design": {"Active", "Rejected"}, "Active": {"Retired"}, "Retired": {"Obsolete", "Active"}},
)

service_specifications = Resource(
    ServiceSpecification,
    SERVICE_SPECIFICATION,
    domain="service_catalog",
    life_cycle=LIFE_CYCLE,
    hot=("name",),
    references=(Reference("resourceSpecification[*]", to=(resource_specifications,)),),
)
service_candidates = Resource(
    ServiceCandidate,
    SERVICE_CANDIDATE,
    domain="service_catalog",
    life_cycle=LIFE_CYCLE,
    hot=("name",),
    references=(Reference("serviceSpecification", to=(service_specifications,)),),
)
service_categories = Resource(
    ServiceCategory, SERVICE_CATEGORY, domain="service_catalog", life_cycle=LIFE_CYCLE, hot=("name",)
)
service_catalogs = Resource(
    ServiceCatalog, SERVICE_CATALOG, domain="service_catalog", life_cycle=LIFE_CYCLE, hot=("name",)
)

export_jobs = Resource(ExportJob, EXPORT_JOB, domain="service_catalog", life_cycle=JOB_LIFE_CYCLE)

import_jobs = Resource(ImportJob, IMPORT_JOB, domain="service_catalog", life_cycle=JOB_LIFE_CYCLE)

transfer = TransferApi(
    export_jobs,
    import_jobs,
    (service_specifications, service_candidates, service_categories, service_catalogs),
)
