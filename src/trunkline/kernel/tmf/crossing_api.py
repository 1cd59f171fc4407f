"""References between the halves over HTTP: which lead to what is not known, and whether such are taken."""

import msgspec

from trunkline.kernel.tmf.crossing import LIST_MAX, CrossReference, choose_strict, is_strict, unresolved
from trunkline.kernel.web import Call, Endpoint, Parameter, Reply

UNRESOLVED = "/trunkline/v1/unresolvedReference"
POLICY = "/trunkline/v1/referencePolicy"


class ReferencePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a reference to what is not known in the other half is refused; otherwise it is kept and marked."""

    strict: bool


def endpoints() -> list[Endpoint]:
    """The endpoints of references between the halves."""
    return [
        Endpoint(
            "GET",
            UNRESOLVED,
            permission="reference:read",
            handler=_list,
            summary="References to what is not known in the other half, the oldest first",
            response=list[CrossReference],
            parameters=(Parameter("limit", "At most so many", "integer"),),
        ),
        Endpoint(
            "GET",
            POLICY,
            permission="reference:read",
            handler=_policy,
            summary="Whether references to what is not known are refused",
            response=ReferencePolicy,
        ),
        Endpoint(
            "PUT",
            POLICY,
            permission="reference:choose",
            handler=_choose,
            summary="Refuse references to what is not known, or keep and mark them",
            request=ReferencePolicy,
            response=ReferencePolicy,
        ),
    ]


async def _list(call: Call) -> Reply:
    limit = call.query.integer("limit", 100, 1, LIST_MAX)
    async with call.database.read() as session:
        return Reply(200, await unresolved(session, call.context, limit=limit))


async def _policy(call: Call) -> Reply:
    async with call.database.read() as session:
        return Reply(200, ReferencePolicy(strict=await is_strict(session, call.context)))


async def _choose(call: Call) -> Reply:
    wanted = call.body(ReferencePolicy)
    async with call.unit_of_work() as uow:
        await choose_strict(uow, call.context, strict=wanted.strict)
    return Reply(200, wanted)
