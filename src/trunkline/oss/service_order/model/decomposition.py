"""From an ordered CFS to its RFS, resources and steps: pure, and driven by the catalogs alone.

The same order and the same specifications give the same decomposition; no product or service is named here.
"""

from collections.abc import Mapping
from typing import Any

from trunkline.kernel.errors import Unprocessable
from trunkline.kernel.tmf import Document
from trunkline.oss.service_catalog.resources import CFS, REALIZED_BY
from trunkline.oss.service_order.contracts import Decomposition, PlannedStep, ResourceNeed, ServiceNode
from trunkline.oss.service_order.model.failure import HOLD, UNDO

DEPTH_MAX = 6


def decompose(
    item: Document, specifications: Mapping[str, Document], resource_specifications: Mapping[str, Document]
) -> Decomposition:
    """Decompose one service order item.

    item            TMF641 item with action add and service.serviceSpecification.id
    specifications  all TMF633 specifications reachable from it, by id
    Raises Unprocessable when a specification is missing, a relationship runs in a circle or is deeper than 6.
    """
    service = item["service"]
    nodes: list[ServiceNode] = []
    steps: list[PlannedStep] = []

    def visit(specification_id: str, key: str, parent: ServiceNode | None, above: tuple[str, ...]) -> None:
        if specification_id in above or len(above) >= DEPTH_MAX:
            raise _cannot(f"Service specification {specification_id} is realised in a circle or too deep.")
        specification = specifications.get(specification_id)
        if specification is None:
            raise _cannot(f"Service specification {specification_id} is not in the catalog.")
        ordered = service.get("serviceCharacteristic", ())
        node = ServiceNode(
            key=key,
            item_id=item["id"],
            specification_id=specification_id,
            name=specification["name"],
            is_customer_facing=specification.get("@type") == CFS,
            parent=parent.key if parent else None,
            characteristics=characteristics_of(specification, ordered, is_root=parent is None),
            resources=tuple(
                _need(resource_specifications, reference["id"])
                for reference in specification.get("resourceSpecification", ())
            ),
        )
        nodes.append(node)
        steps.extend(_steps(specification, node))
        for n, child in enumerate(realizing(specification), start=1):
            visit(child, f"{key}.{n}", node, (*above, specification_id))

    visit(service["serviceSpecification"]["id"], item["id"], None, ())
    return Decomposition(nodes=tuple(nodes), steps=_in_dependency_order(steps))


def realizing(specification: Document) -> list[str]:
    """The ids of the specifications that realise this one."""
    return [
        relation["id"]
        for relation in specification.get("serviceSpecRelationship", ())
        if relation.get("relationshipType") == REALIZED_BY
    ]


def characteristics_of(specification: Document, ordered: Any, *, is_root: bool) -> tuple[dict[str, Any], ...]:
    """The service's characteristics: the ordered value of each that the specification declares, else its default.

    A specification that declares none takes all that was ordered when it is the ordered one, nothing otherwise.
    """
    by_name = {item["name"]: item for item in ordered}
    declared = specification.get("specCharacteristic", ())
    if not declared and is_root:
        return tuple(ordered)
    found = []
    for declaration in declared:
        name = declaration["name"]
        if name in by_name:
            found.append(by_name[name])
        else:
            found.extend(
                {"@type": "Characteristic", "name": name, "value": value["value"]}
                for value in declaration.get("characteristicValueSpecification", ())
                if value.get("isDefault")
            )
    return tuple(found)


def _steps(specification: Document, node: ServiceNode) -> list[PlannedStep]:
    return [
        PlannedStep(
            name=step["name"],
            kind=step["kind"],
            action=step["action"],
            node=node.key,
            depends_on=tuple(step.get("dependsOn", ())),
            undo=step.get("undo"),
            on_failure=_on_failure(step),
            input=step.get("input", {}),
        )
        for step in specification.get("provisioning", ())
    ]


def _on_failure(step: Document) -> str:
    said: str = step.get("onFailure", HOLD)
    if said not in (HOLD, UNDO):
        raise _cannot(f"Step {step['name']} says onFailure {said!r}; it can be {HOLD!r} or {UNDO!r}.")
    return said


def _in_dependency_order(steps: list[PlannedStep]) -> tuple[PlannedStep, ...]:
    known = {step.name for step in steps}
    for step in steps:
        for name in step.depends_on:
            if name not in known:
                raise _cannot(f"Step {step.name} waits for {name}, which no specification declares.")
    ordered: list[PlannedStep] = []
    placed: set[str] = set()
    while len(ordered) < len(steps):
        ready = [step for step in steps if step.name not in placed and placed.issuperset(step.depends_on)]
        if not ready:
            raise _cannot("The provisioning steps wait for each other in a circle, or two have one name.")
        ordered.extend(ready)
        placed.update(step.name for step in ready)
    return tuple(ordered)


def need_of(specification: Document) -> ResourceNeed:
    """What a resource specification says of where its instances come from."""
    allocation = specification.get("allocation", {"from": "field"})
    return ResourceNeed(
        specification_id=specification["id"],
        name=specification["name"],
        source=allocation["from"],
        pool=allocation.get("pool"),
        value=allocation.get("value"),
    )


def _need(resource_specifications: Mapping[str, Document], id_: str) -> ResourceNeed:
    specification = resource_specifications.get(id_)
    if specification is None:
        raise _cannot(f"Resource specification {id_} is not in the catalog.")
    return need_of(specification)


def _cannot(reason: str) -> Unprocessable:
    return Unprocessable(
        "cannotDecompose", reason, path="$.serviceOrderItem", hint="Mend the catalog, then send the order again."
    )
