"""Checks and queries of service qualification (TMF645, published as v4 only): tasks that carry their answer."""

from trunkline.kernel.tmf import LifeCycle, Resource
from trunkline.oss.service_qualification.entities import (
    CHECK_SERVICE_QUALIFICATION,
    QUERY_SERVICE_QUALIFICATION,
    CheckServiceQualification,
    QueryServiceQualification,
)

_TASK = LifeCycle(
    initial="acknowledged",
    entry={"done"},
    moves={
        "acknowledged": {"inProgress", "done", "terminatedWithError"},
        "inProgress": {"done", "terminatedWithError"},
    },
)

check_service_qualifications = Resource(
    CheckServiceQualification, CHECK_SERVICE_QUALIFICATION, domain="service_qualification", life_cycle=_TASK
)
query_service_qualifications = Resource(
    QueryServiceQualification,
    QUERY_SERVICE_QUALIFICATION,
    domain="service_qualification",
    life_cycle=_TASK,
    operations=("list", "retrieve", "delete"),
)
