"""Endpoints for a pool's members, which TMF685 has no resource for."""

import msgspec

from trunkline.kernel.web import Call, Endpoint, Reply
from trunkline.oss.resource_pool import facade
from trunkline.oss.resource_pool.contracts import Member, PoolUse
from trunkline.oss.resource_pool.resources import resource_pools

_PATH = "/trunkline/v1/resourcePool/{id}/member"


class AddMembers(msgspec.Struct, frozen=True, kw_only=True):
    """Values to put into a pool."""

    value: list[str]


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the values were new, and how full the pool is."""

    added: int
    use: PoolUse


def endpoints() -> list[Endpoint]:
    """The endpoints of this domain beyond the engine's."""
    return [
        Endpoint(
            "POST",
            _PATH,
            permission="resourcePool:update",
            handler=_add,
            summary="Put members into a pool",
            request=AddMembers,
            response=Added,
            tags=("TMF685",),
        ),
        Endpoint(
            "GET",
            _PATH,
            permission="resourcePool:read",
            handler=_list,
            summary="List a pool's members",
            response=list[Member],
            tags=("TMF685",),
        ),
    ]


async def _add(call: Call) -> Reply:
    body = call.body(AddMembers)
    async with call.unit_of_work() as uow:
        added = await facade.add_members(uow, call.path["id"], body.value, call.context)
        use = await facade.use_of(uow, call.path["id"], call.context)
    return Reply(201, Added(added=added, use=use))


async def _list(call: Call) -> Reply:
    async with call.database.read() as session:
        await resource_pools.get(session, call.path["id"], call.context)
        return Reply(200, await facade.list_members(session, call.path["id"], call.context))
