"""What service orders hear: their plans end."""

from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.events.event import Event, on
from trunkline.oss.service_order import facade
from trunkline.oss.service_order.contracts import PLAN_KIND


@on("PlanCancelled")
async def plan_cancelled(event: Event, uow: UnitOfWork, context: Context) -> None:
    """All that was done is taken back: the order is cancelled."""
    if event.payload.get("kind") == PLAN_KIND:
        await facade.compensated(uow, event.resource_id, context)
