"""What plans tell: PlanCompleted, PlanCancelled, PlanStepFailed, PlanStepResumed, each about the plan's subject."""

from typing import Any

from trunkline.kernel.context import Context
from trunkline.kernel.db import Record, UnitOfWork
from trunkline.kernel.events.event import event


def publish(uow: UnitOfWork, type_: str, plan_id: str, plan: Record, context: Context, **more: Any) -> None:
    """Publish an event with the plan's subject as its resource and {planId, kind, state, …} as its payload.

    plan  a row with kind, state, subject_resource, subject_id
    """
    uow.publish(
        event(
            context,
            type_,
            source="plans",
            resource=plan["subject_resource"],
            resource_id=plan["subject_id"],
            payload={"planId": plan_id, "kind": plan["kind"], "state": plan["state"], **more},
        )
    )
