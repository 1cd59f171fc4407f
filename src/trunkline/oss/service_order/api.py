"""Endpoints of service orders beyond TMF641: reporting a manual step done."""

from typing import Any

import msgspec

from trunkline.kernel.web import Call, Endpoint, Reply
from trunkline.oss.service_order.facade import complete_task


class TaskReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the person found or did, by name."""

    result: dict[str, Any]


def endpoints() -> list[Endpoint]:
    """The endpoints of this domain beyond the engine's."""
    return [
        Endpoint(
            "POST",
            "/trunkline/v1/serviceOrder/{id}/task/{name}/complete",
            permission="serviceOrder:completeTask",
            handler=_complete,
            summary="Report a manual step of a service order done",
            request=TaskReport,
            tags=("TMF641",),
        )
    ]


async def _complete(call: Call) -> Reply:
    report = call.body(TaskReport)
    async with call.unit_of_work() as uow:
        await complete_task(uow, call.path["id"], call.path["name"], report.result, call.context)
    return Reply(204)
