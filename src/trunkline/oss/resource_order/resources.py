"""Resource orders (TMF652): the record face."""

from trunkline.kernel.tmf import LifeCycle, Resource
from trunkline.kernel.tmf.life_cycle import task_life_cycle
from trunkline.oss.resource_order.entities import (
    CANCEL_RESOURCE_ORDER,
    RESOURCE_ORDER,
    CancelResourceOrder,
    ResourceOrder,
)

ORDER_LIFE_CYCLE = LifeCycle(
    initial="acknowledged",
    moves={
        "acknowledged": {"rejected", "pending", "held", "inProgress", "cancelled", "completed", "failed", "partial"},
        "pending": {"inProgress", "held", "cancelled", "failed"},
        "held": {"inProgress", "pending", "cancelled", "failed"},
        "inProgress": {"pending", "held", "completed", "failed", "partial", "assessingCancellation"},
        "assessingCancellation": {"inProgress", "pendingCancellation", "cancelled"},
        "pendingCancellation": {"cancelled", "inProgress"},
    },
)
CANCELLING = (
    "Resource orders are not carried out by an engine yet, so none can be cancelled by a task. Nothing was done."
)

resource_orders = Resource(
    ResourceOrder, RESOURCE_ORDER, domain="resource_order", life_cycle=ORDER_LIFE_CYCLE, hot=("name", "orderDate")
)

cancel_resource_orders = Resource(
    CancelResourceOrder,
    CANCEL_RESOURCE_ORDER,
    domain="resource_order",
    life_cycle=task_life_cycle("acknowledged"),
    unavailable=CANCELLING,
)
