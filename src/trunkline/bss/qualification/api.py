"""The check is a task that is answered at once, so its creation is ours; the rest is the engine's."""

from trunkline.bss.qualification.facade import check
from trunkline.bss.qualification.ports import ServiceFeasibility
from trunkline.bss.qualification.resources import check_product_offering_qualifications as checks
from trunkline.kernel.tmf.document import encode, select_fields
from trunkline.kernel.tmf.query import parse_fields
from trunkline.kernel.tmf.router import body_object
from trunkline.kernel.web import Call, Endpoint, Reply


def endpoints(network: ServiceFeasibility) -> list[Endpoint]:
    """The endpoint that takes a check, with the port that answers it."""

    async def create(call: Call) -> Reply:
        document = body_object(call)
        fields = parse_fields(call.query.get("fields"))
        if checks.life_cycle and isinstance(state := document.get("state"), str):
            checks.life_cycle.check_known(state)
        async with call.unit_of_work() as uow:
            answered = await check(uow, document, network, call.context)
        content = encode(select_fields(answered, fields))
        return Reply(201, content, headers={"Location": answered["href"], "ETag": '"1"'})

    return [
        Endpoint(
            "POST",
            checks.base_path,
            permission=f"{checks.name}:create",
            handler=create,
            summary="Check whether offerings can be had at a place",
            tags=("TMF679",),
        )
    ]
