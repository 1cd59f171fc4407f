"""Changes of the network (TMF655): the record face."""

from trunkline.kernel.tmf import LifeCycle, Resource
from trunkline.oss.change.entities import CHANGE_REQUEST, ChangeRequest

LIFE_CYCLE = LifeCycle(
    attribute="status",
    initial="acknowledged",
    moves={
        "acknowledged": {
            "requestForAuthorization",
            "waitForApproval",
            "approved",
            "scheduled",
            "rejected",
            "cancelled",
        },
        "requestForAuthorization": {"waitForApproval", "approved", "rejected", "cancelled"},
        "waitForApproval": {"approved", "rejected", "cancelled"},
        "approved": {"scheduled", "inProgress", "cancelled"},
        "scheduled": {"inProgress", "cancelled"},
        "inProgress": {"completed", "failed", "fallbackExecution"},
        "fallbackExecution": {"failed", "completed"},
        "completed": {"postImplementationReview"},
        "failed": {"postImplementationReview"},
    },
)

change_requests = Resource(
    ChangeRequest,
    CHANGE_REQUEST,
    domain="change",
    life_cycle=LIFE_CYCLE,
    hot=("plannedStartTime", "plannedEndTime", "requestType"),
)
