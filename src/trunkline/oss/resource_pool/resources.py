"""Resource pools and reservations (TMF685, published as v4 only)."""

from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.tmf import Document, Resource
from trunkline.oss.resource_pool.entities import RESERVATION, RESOURCE_POOL, Reservation, ResourcePool
from trunkline.oss.resource_pool.model import quarantine_of

resource_pools = Resource(ResourcePool, RESOURCE_POOL, domain="resource_pool", hot=("description",))
reservations = Resource(Reservation, RESERVATION, domain="resource_pool")


@resource_pools.prepare
async def check_pool(uow: UnitOfWork, pool: Document, context: Context) -> None:  # noqa: ARG001  # the engine's signature
    """Refuse a quarantine that is no duration."""
    quarantine_of(pool)
