"""Endpoints of service orders beyond TMF641: reporting a manual step done, giving up an item that nobody can mend."""

from typing import Any

import msgspec

from trunkline.kernel.web import Call, Endpoint, Reply
from trunkline.oss.service_order.facade import complete_task, give_up_item

_PATH = "/trunkline/v1/serviceOrder/{id}"


class TaskReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the person found or did, by name."""

    result: dict[str, Any]


class GiveUp(msgspec.Struct, frozen=True, kw_only=True):
    """Why the item is given up; it is kept as a note of the order."""

    reason: str


def endpoints() -> list[Endpoint]:
    """The endpoints of this domain beyond the engine's."""
    return [
        Endpoint(
            "POST",
            f"{_PATH}/task/{{name}}/complete",
            permission="serviceOrder:completeTask",
            handler=_complete,
            summary="Report a manual step of a service order done",
            request=TaskReport,
            tags=("TMF641",),
        ),
        Endpoint(
            "POST",
            f"{_PATH}/item/{{itemId}}/giveUp",
            permission="serviceOrder:giveUp",
            handler=_give_up,
            summary="Give up an order item that is held: take back what was done for it",
            request=GiveUp,
            tags=("TMF641",),
        ),
    ]


async def _complete(call: Call) -> Reply:
    report = call.body(TaskReport)
    async with call.unit_of_work() as uow:
        await complete_task(uow, call.path["id"], call.path["name"], report.result, call.context)
    return Reply(204)


async def _give_up(call: Call) -> Reply:
    body = call.body(GiveUp)
    async with call.unit_of_work() as uow:
        await give_up_item(uow, call.path["id"], call.path["itemId"], body.reason, call.context)
    return Reply(204)
