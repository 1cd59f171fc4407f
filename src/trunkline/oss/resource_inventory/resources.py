"""Resources (TMF639). `allocationStatus` is the machine of holding; the X.731 states are attributes beside it."""

from trunkline.kernel.tmf import LifeCycle, Resource
from trunkline.oss.resource_inventory.entities import RESOURCE
from trunkline.oss.resource_inventory.entities import Resource as ResourceEntity

resources = Resource(
    ResourceEntity,
    RESOURCE,
    domain="resource_inventory",
    life_cycle=LifeCycle(
        attribute="allocationStatus",
        initial="available",
        entry={"reserved", "allocated"},
        moves={
            "available": {"reserved", "allocated", "retired"},
            "reserved": {"allocated", "available", "retired"},
            "allocated": {"quarantined", "available", "retired"},
            "quarantined": {"available", "retired"},
        },
    ),
    hot=("name", "category", "value"),
)
