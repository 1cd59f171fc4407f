"""Service level specifications and objectives (TMF657)."""

from trunkline.kernel.tmf import Reference, Resource
from trunkline.oss.service_quality.entities import (
    SERVICE_LEVEL_OBJECTIVE,
    SERVICE_LEVEL_SPECIFICATION,
    ServiceLevelObjective,
    ServiceLevelSpecification,
)

service_level_objectives = Resource(
    ServiceLevelObjective, SERVICE_LEVEL_OBJECTIVE, domain="service_quality", hot=("name",)
)

service_level_specifications = Resource(
    ServiceLevelSpecification,
    SERVICE_LEVEL_SPECIFICATION,
    domain="service_quality",
    hot=("name",),
    references=(Reference("relatedServiceLevelObjective[*]", to=(service_level_objectives,)),),
)
