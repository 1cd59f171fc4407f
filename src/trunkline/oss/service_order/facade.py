"""Commands on service orders: submit (decompose, design, plan), cancel, give up, and what the network reports back."""

from datetime import timedelta

from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession, UnitOfWork
from trunkline.kernel.errors import Invalid, NotFound
from trunkline.kernel.ids import new_id
from trunkline.kernel.plans import (
    PlanSpec,
    StepKind,
    StepSpec,
    complete_manual,
    create_plan,
    get_plan,
    signal,
)
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.normalise import instant_text
from trunkline.oss.resource_catalog.resources import resource_specifications
from trunkline.oss.service_catalog.resources import service_specifications
from trunkline.oss.service_inventory.resources import services
from trunkline.oss.service_order.cancelling import cancel, compensated, plan_of
from trunkline.oss.service_order.contracts import PLAN_KIND, Decomposition, PlannedStep, ServiceNode
from trunkline.oss.service_order.following import follow_plan, give_up_item
from trunkline.oss.service_order.model.decomposition import decompose, realizing
from trunkline.oss.service_order.model.line import user_name_of
from trunkline.oss.service_order.model.task import task_problems
from trunkline.oss.service_order.resources import service_orders

SPECIFICATIONS_MAX = 200

__all__ = [
    "cancel",
    "compensated",
    "complete_task",
    "find_by_external_id",
    "follow_plan",
    "give_up_item",
    "plan_of",
    "services_of",
    "session_key",
    "session_seen",
    "submit",
]


async def submit(uow: UnitOfWork, document: Document, context: Context) -> Document:
    """Take up a service order: decompose it, put the services to come into the inventory, make the durable plan.

    document  TMF641 service order whose items add services by serviceSpecification
    Repeatable by `externalIdentifier`: the same external id returns the order that is there.
    Raises Invalid, Unprocessable (cannotDecompose). Events: ServiceOrderCreateEvent, ServiceCreateEvent each,
    ServiceOrderStateChangeEvent.
    """
    for identifier in document.get("externalIdentifier", ()):
        before = await find_by_external_id(uow, identifier["id"], context)
        if before:
            return before
    order = await service_orders.create(uow, {**document, "orderDate": instant_text(context.now)}, context)
    specs = await _specifications(uow, order, context)
    needed = await _resource_specifications(uow, specs, context)
    items, steps = [], []
    for item in order["serviceOrderItem"]:
        decomposition = decompose(item, specs, needed)
        ids = await _design(uow, order, item, decomposition, context)
        steps += _plan_steps(order["id"], decomposition, ids)
        items.append(
            {**item, "state": "inProgress", "service": {**item["service"], "id": ids[item["id"]], "state": "designed"}}
        )
    plan_id = await create_plan(
        uow,
        PlanSpec(kind=PLAN_KIND, subject_resource="serviceOrder", subject_id=order["id"], steps=tuple(steps)),
        context,
    )
    return await service_orders.move(
        uow,
        order["id"],
        "inProgress",
        context,
        serviceOrderItem=items,
        startDate=instant_text(context.now),
        plan={"id": plan_id, "href": f"/trunkline/v1/plan/{plan_id}"},
    )


async def find_by_external_id(session: ReadSession, external_id: str, context: Context) -> Document | None:
    """The order that was submitted under an external id, as the id of a product order."""
    found = await service_orders.select(session, context, {"externalIdentifier.id": external_id}, limit=1)
    return found[0] if found else None


async def complete_task(uow: UnitOfWork, order_id: str, name: str, result: Document, context: Context) -> None:
    """A person reports a manual step of the order done: what the step requires must be there and in range.

    name    the step's name in the plan, as "1.install"
    result  what was found, as {"serialNumber": …, "opticalPower": "-19"}; handed on to the following steps
    Raises NotFound, Invalid with every missing or unfit value, Conflict when the step is not waiting for a person.
    """
    order = await service_orders.get(uow, order_id, context)
    plan = await get_plan(uow, plan_of(order), context)
    step = next((step for step in plan.steps if step.name == name and step.kind == StepKind.MANUAL), None)
    if step is None:
        manual = [step.name for step in plan.steps if step.kind == StepKind.MANUAL]
        raise NotFound("unknownTask", f"The order has no manual step {name[:80]}.", allowed=manual)
    problems = task_problems(step.input, result)
    if problems:
        raise Invalid.all_of(problems)
    await complete_manual(uow, plan.id, step.n, result, context)


async def session_seen(uow: UnitOfWork, user_name: str, facts: Document, context: Context) -> None:
    """The network reports a subscriber's session: steps that wait for it go on. Repeatable; early reports are kept."""
    await signal(uow, context.tenant, session_key(user_name), facts, context)


def session_key(user_name: str) -> str:
    """The key on which a verification waits."""
    return f"session:{user_name}"


async def services_of(session: ReadSession, order_id: str, context: Context) -> list[Document]:
    """The services that an order makes, in order of creation."""
    return await services.select(session, context, {"serviceOrderItem.serviceOrderId": order_id}, limit=1000)


async def _specifications(uow: UnitOfWork, order: Document, context: Context) -> dict[str, Document]:
    """The ordered specifications and all below them, level by level: one query a level."""
    found: dict[str, Document] = {}
    wanted = {item["service"]["serviceSpecification"]["id"] for item in order["serviceOrderItem"]}
    while wanted and len(found) < SPECIFICATIONS_MAX:
        level = await service_specifications.select(uow, context, {"id": sorted(wanted)}, limit=SPECIFICATIONS_MAX)
        found |= {specification["id"]: specification for specification in level}
        wanted = {child for specification in level for child in realizing(specification)} - found.keys()
    return found


async def _resource_specifications(
    uow: UnitOfWork, specifications: dict[str, Document], context: Context
) -> dict[str, Document]:
    wanted = {
        reference["id"]
        for specification in specifications.values()
        for reference in specification.get("resourceSpecification", ())
    }
    if not wanted:
        return {}
    found = await resource_specifications.select(uow, context, {"id": sorted(wanted)}, limit=SPECIFICATIONS_MAX)
    return {specification["id"]: specification for specification in found}


async def _design(
    uow: UnitOfWork, order: Document, item: Document, decomposition: Decomposition, context: Context
) -> dict[str, str]:
    """Put the services to come into the inventory, those below first; returns node key → service id."""
    ids = {node.key: new_id() for node in decomposition.nodes}
    for node in reversed(decomposition.nodes):
        below = [child.key for child in decomposition.nodes if child.parent == node.key]
        await services.create(uow, _service(order, item, node, ids, below), context)
    return ids


def _service(order: Document, item: Document, node: ServiceNode, ids: dict[str, str], below: list[str]) -> Document:
    ordered = item["service"]
    document: Document = {
        "@type": "CustomerFacingService" if node.is_customer_facing else "ResourceFacingService",
        "@baseType": "Service",
        "id": ids[node.key],
        "name": node.name,
        "category": "CFS" if node.is_customer_facing else "RFS",
        "state": "designed",
        "serviceSpecification": {"@type": "ServiceSpecificationRef", "id": node.specification_id, "name": node.name},
        "serviceCharacteristic": list(node.characteristics),
        "serviceOrderItem": [{"@type": "RelatedServiceOrderItem", "serviceOrderId": order["id"], "itemId": item["id"]}],
        "supportingService": [{"@type": "ServiceRef", "id": ids[key]} for key in below],
    }
    for name in ("place", "relatedParty"):
        if name in ordered:
            document[name] = ordered[name]
    if node.parent is None and "relatedEntity" in ordered:
        document["relatedEntity"] = ordered["relatedEntity"]
    return document


def _plan_steps(order_id: str, decomposition: Decomposition, ids: dict[str, str]) -> list[StepSpec]:
    """The plan's steps; names carry the item, so that two items of one kind do not meet."""
    root = decomposition.nodes[0]
    return [
        _plan_step(
            step,
            root.item_id,
            {
                **step.input,
                "onFailure": step.on_failure,
                "orderId": order_id,
                "itemId": root.item_id,
                "rootServiceId": ids[root.key],
                "serviceId": ids[step.node],
            },
        )
        for step in decomposition.steps
    ]


def _plan_step(step: PlannedStep, item_id: str, step_input: Document) -> StepSpec:
    waits = step.kind == StepKind.WAIT
    manual = step.kind == StepKind.MANUAL
    return StepSpec(
        name=f"{item_id}.{step.name}",
        kind=StepKind(step.kind),
        action=None if waits else step.action,
        depends_on=tuple(f"{item_id}.{name}" for name in step.depends_on),
        undo=step.undo,
        input=step_input,
        signal=session_key(user_name_of(step_input["serviceId"])) if waits else None,
        queue=step_input.get("queue", "field") if manual else None,
        delay=timedelta(days=int(step_input.get("dueDays", 14))) if manual else None,
    )
