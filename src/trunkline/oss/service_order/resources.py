"""Service orders and their cancellation (TMF641, published as v4 only)."""

from trunkline.kernel.tmf import LifeCycle, Reference, Resource
from trunkline.oss.service_catalog.resources import service_specifications
from trunkline.oss.service_order.entities import (
    CANCEL_SERVICE_ORDER,
    SERVICE_ORDER,
    CancelServiceOrder,
    ServiceOrder,
)

service_orders = Resource(
    ServiceOrder,
    SERVICE_ORDER,
    domain="service_order",
    life_cycle=LifeCycle(
        initial="acknowledged",
        moves={
            "acknowledged": {"rejected", "pending", "inProgress", "cancelled"},
            "pending": {"inProgress", "cancelled", "pendingCancellation"},
            "inProgress": {"held", "pending", "completed", "failed", "partial", "pendingCancellation"},
            "held": {"inProgress", "pendingCancellation"},
            "pendingCancellation": {"cancelled", "failed"},
        },
        by_hand={},
        settled={"serviceOrderItem", "completionDate", "cancellationDate"},
        deletable={"rejected", "completed", "failed", "partial", "cancelled"},
    ),
    hot=("orderDate",),
    index=("serviceOrderItem.service.serviceSpecification.id",),
    references=(Reference("serviceOrderItem[*].service.serviceSpecification", to=(service_specifications,)),),
)

cancel_service_orders = Resource(
    CancelServiceOrder,
    CANCEL_SERVICE_ORDER,
    domain="service_order",
    life_cycle=LifeCycle(
        initial="accepted",
        moves={
            "accepted": {"inProgress", "done", "terminatedWithError"},
            "inProgress": {"done", "terminatedWithError"},
        },
        by_hand={},
    ),
    references=(Reference("serviceOrder", to=(service_orders,)),),
)
