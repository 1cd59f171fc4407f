"""Resource catalogs, categories, candidates and specifications (TMF634).

An attribute of ours, `allocation`, says where an instance comes from when an order needs one:
{"from": "pool", "pool": <id>} a named pool, {"from": "site"} the port pool that serves the site,
{"from": "field"} brought and reported by the technician, {"from": "constant", "value": …} the same for all.
"""

from trunkline.kernel.tmf import LifeCycle, Reference, Resource
from trunkline.kernel.transfer.tmf_jobs import LIFE_CYCLE as JOB_LIFE_CYCLE
from trunkline.kernel.transfer.tmf_jobs import TransferApi
from trunkline.oss.resource_catalog.entities import (
    EXPORT_JOB,
    IMPORT_JOB,
    RESOURCE_CANDIDATE,
    RESOURCE_CATALOG,
    RESOURCE_CATEGORY,
    RESOURCE_SPECIFICATION,
    ExportJob,
    ImportJob,
    ResourceCandidate,
    ResourceCatalog,
    ResourceCategory,
    ResourceSpecification,
)

LIFE_CYCLE = LifeCycle(
    attribute="lifecycleStatus",
    initial="In design",
    entry={"Active"},
    moves={"In design": {"Active", "Rejected"}, "Active": {"Retired"}, "Retired": {"Obsolete", "Active"}},
)

resource_specifications = Resource(
    ResourceSpecification, RESOURCE_SPECIFICATION, domain="resource_catalog", life_cycle=LIFE_CYCLE, hot=("name",)
)
resource_candidates = Resource(
    ResourceCandidate,
    RESOURCE_CANDIDATE,
    domain="resource_catalog",
    life_cycle=LIFE_CYCLE,
    references=(Reference("resourceSpecification", to=(resource_specifications,)),),
)
resource_categories = Resource(
    ResourceCategory, RESOURCE_CATEGORY, domain="resource_catalog", life_cycle=LIFE_CYCLE, hot=("name",)
)
resource_catalogs = Resource(
    ResourceCatalog, RESOURCE_CATALOG, domain="resource_catalog", life_cycle=LIFE_CYCLE, hot=("name",)
)

export_jobs = Resource(ExportJob, EXPORT_JOB, domain="resource_catalog", life_cycle=JOB_LIFE_CYCLE)

import_jobs = Resource(ImportJob, IMPORT_JOB, domain="resource_catalog", life_cycle=JOB_LIFE_CYCLE)

transfer = TransferApi(
    export_jobs,
    import_jobs,
    (resource_specifications, resource_candidates, resource_categories, resource_catalogs),
)
