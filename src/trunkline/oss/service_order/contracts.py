"""Values and names of service ordering."""

from typing import Any

import msgspec

PLAN_KIND = "serviceOrder"
ACTIVATED = "ServiceOrderActivated"


class ResourceNeed(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that an RFS holds: which specification, and where an instance comes from.

    source  "pool" (then `pool` names it), "site" (the port pool that serves the site), "field", "constant"
    """

    specification_id: str
    name: str
    source: str
    pool: str | None = None
    value: str | None = None


class ServiceNode(msgspec.Struct, frozen=True, kw_only=True):
    """A service to come: `key` is its place in the decomposition ("1", "1.1"), unique and stable for an order."""

    key: str
    item_id: str
    specification_id: str
    name: str
    is_customer_facing: bool
    parent: str | None
    characteristics: tuple[dict[str, Any], ...]
    resources: tuple[ResourceNeed, ...] = ()


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an RFS's provisioning, as its specification declares it.

    kind        task, callout, manual, wait or milestone (see kernel.plans)
    depends_on  names of steps of the same order item
    on_failure  what becomes of the item when the step has failed for good: "hold" it for an operator, or "undo" it
    """

    name: str
    kind: str
    action: str
    node: str
    depends_on: tuple[str, ...] = ()
    undo: str | None = None
    on_failure: str = "hold"
    input: dict[str, Any] = {}


class Decomposition(msgspec.Struct, frozen=True, kw_only=True):
    """What an order comes to: services top down, and the steps that bring them about."""

    nodes: tuple[ServiceNode, ...]
    steps: tuple[PlannedStep, ...]
