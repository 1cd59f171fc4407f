"""Service problems (TMF656): the record face."""

from trunkline.kernel.tmf import LifeCycle, Reference, Resource
from trunkline.oss.resource_inventory.resources import resources
from trunkline.oss.service_inventory.resources import services
from trunkline.oss.service_problem.entities import (
    PROBLEM_ACKNOWLEDGEMENT,
    PROBLEM_GROUP,
    PROBLEM_UNACKNOWLEDGEMENT,
    PROBLEM_UNGROUP,
    SERVICE_PROBLEM,
    SERVICE_PROBLEM_EVENT_RECORD,
    ProblemAcknowledgement,
    ProblemGroup,
    ProblemUnacknowledgement,
    ProblemUngroup,
    ServiceProblem,
    ServiceProblemEventRecord,
)

PROBLEMS = "The problem engine is not part of this installation yet, so no problem was changed. A PATCH of the problem itself works."
LIFE_CYCLE = LifeCycle(
    attribute="status",
    initial="acknowledged",
    moves={
        "acknowledged": {"inProgress", "pending", "held", "rejected", "cancelled", "resolved"},
        "inProgress": {"pending", "held", "resolved", "cancelled"},
        "pending": {"inProgress", "held", "resolved", "cancelled"},
        "held": {"inProgress", "pending", "resolved", "cancelled"},
        "resolved": {"closed", "inProgress"},
    },
)

service_problems = Resource(
    ServiceProblem,
    SERVICE_PROBLEM,
    domain="service_problem",
    life_cycle=LIFE_CYCLE,
    hot=("category", "priority"),
    references=(
        Reference("affectedService[*]", to=(services,)),
        Reference("affectedResource[*]", to=(resources,)),
    ),
)

service_problem_event_records = Resource(
    ServiceProblemEventRecord, SERVICE_PROBLEM_EVENT_RECORD, domain="service_problem"
)

problem_acknowledgements = Resource(
    ProblemAcknowledgement, PROBLEM_ACKNOWLEDGEMENT, domain="service_problem", unavailable=PROBLEMS
)

problem_unacknowledgements = Resource(
    ProblemUnacknowledgement, PROBLEM_UNACKNOWLEDGEMENT, domain="service_problem", unavailable=PROBLEMS
)

problem_groups = Resource(ProblemGroup, PROBLEM_GROUP, domain="service_problem", unavailable=PROBLEMS)

problem_ungroups = Resource(ProblemUngroup, PROBLEM_UNGROUP, domain="service_problem", unavailable=PROBLEMS)
