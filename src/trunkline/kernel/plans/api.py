"""Plans over HTTP: the visible graph, the work lists of people, and what an operator does with a step that failed."""

import msgspec

from trunkline.kernel.plans.repair import retry_step, skip_step
from trunkline.kernel.plans.view import ManualStep, PlanView, get_plan, manual_steps
from trunkline.kernel.web import Call, Endpoint, Parameter, Reply

_PLAN = "/trunkline/v1/plan/{id}"
_TAGS = ("plans",)


class Skip(msgspec.Struct, frozen=True, kw_only=True):
    """Why a step is left out; it stays visible with the step."""

    reason: str


def endpoints() -> list[Endpoint]:
    """The endpoints of plans."""
    return [
        Endpoint(
            "GET", _PLAN, permission="plan:read", handler=_show, summary="A plan's graph", response=PlanView, tags=_TAGS
        ),
        Endpoint(
            "GET",
            "/trunkline/v1/task",
            permission="plan:read",
            handler=_tasks,
            summary="Steps that wait for a person, by queue",
            response=list[ManualStep],
            tags=_TAGS,
            parameters=(Parameter("queue", "Only of this queue"), Parameter("limit", "At most so many", "integer")),
        ),
        Endpoint(
            "POST",
            f"{_PLAN}/step/{{n}}/retry",
            permission="plan:repair",
            handler=_retry,
            summary="Try a failed step again",
            tags=_TAGS,
        ),
        Endpoint(
            "POST",
            f"{_PLAN}/step/{{n}}/skip",
            permission="plan:repair",
            handler=_skip,
            summary="Leave a failed step out, with a reason",
            request=Skip,
            tags=_TAGS,
        ),
    ]


async def _show(call: Call) -> Reply:
    async with call.database.read() as session:
        return Reply(200, await get_plan(session, call.path["id"], call.context))


async def _tasks(call: Call) -> Reply:
    limit = call.query.integer("limit", 100, 1, 1000)
    async with call.database.read() as session:
        return Reply(200, await manual_steps(session, call.context, queue=call.query.get("queue"), limit=limit))


async def _retry(call: Call) -> Reply:
    async with call.unit_of_work() as uow:
        await retry_step(uow, call.path["id"], _number(call), call.context)
    return Reply(204)


async def _skip(call: Call) -> Reply:
    body = call.body(Skip)
    async with call.unit_of_work() as uow:
        await skip_step(uow, call.path["id"], _number(call), body.reason, call.context)
    return Reply(204)


def _number(call: Call) -> int:
    text = call.path["n"]
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else -1
