"""What service orders hear: how their plans fare."""

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


@on("PlanStepFailed", "PlanStepResumed")
async def step_failed_or_resumed(event: Event, uow: UnitOfWork, context: Context) -> None:
    """A step has failed for good, or an operator has it tried again or skipped: the order follows."""
    if event.payload.get("kind") == PLAN_KIND:
        await facade.follow_plan(uow, event.resource_id, context)
