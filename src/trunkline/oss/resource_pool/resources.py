"""Resource pools and reservations (TMF685, published as v4 only)."""

from trunkline.kernel.tmf import Resource
from trunkline.oss.resource_pool.entities import RESERVATION, RESOURCE_POOL, Reservation, ResourcePool

resource_pools = Resource(ResourcePool, RESOURCE_POOL, domain="resource_pool", hot=("description",))
reservations = Resource(Reservation, RESERVATION, domain="resource_pool")
