"""Resource pools and reservations (TMF685, published as v4 only)."""

from trunkline.kernel.tmf import Resource
from trunkline.oss.resource_pool.entities import (
    AVAILABILITY_CHECK,
    EXTRACT,
    PUSH,
    RESERVATION,
    RESOURCE_POOL,
    AvailabilityCheck,
    Extract,
    Push,
    Reservation,
    ResourcePool,
)
from trunkline.oss.resource_pool.model import quarantine_of

resource_pools = Resource(ResourcePool, RESOURCE_POOL, domain="resource_pool", hot=("description",))
reservations = Resource(Reservation, RESERVATION, domain="resource_pool")


BY_RESERVATION = "Capacity is taken and given back by reservations. Nothing was done; create a reservation instead."

availability_checks = Resource(
    AvailabilityCheck, AVAILABILITY_CHECK, domain="resource_pool", unavailable=BY_RESERVATION
)

extracts = Resource(Extract, EXTRACT, domain="resource_pool", unavailable=BY_RESERVATION)

pushes = Resource(Push, PUSH, domain="resource_pool", unavailable=BY_RESERVATION)


resource_pools.check(quarantine_of)
