"""Endpoints of usage beyond TMF635: the way back to the raw record, what is held, and processing it again."""

import msgspec

from trunkline.bss.usage import facade
from trunkline.bss.usage.contracts import Held, HeldSummary, RawRecord, Reprocessed, Selection
from trunkline.bss.usage.posting import post_usage
from trunkline.bss.usage.resources import usages
from trunkline.kernel.tmf.document import encode, select_fields
from trunkline.kernel.tmf.mount import mounts_of
from trunkline.kernel.tmf.query import parse_fields
from trunkline.kernel.tmf.router import body_object
from trunkline.kernel.web import Call, Endpoint, Parameter, Reply

HELD_MAX = 1_000


class Reprocess(msgspec.Struct, frozen=True, kw_only=True):
    """Which suspended records to process again: those with a reason, those with these ids, or all."""

    reason: str | None = None
    id: list[str] = []


def endpoints() -> list[Endpoint]:
    """The endpoints of this domain beyond the engine's, and the one by which a usage comes in."""
    (mount,) = mounts_of(usages)

    async def post(call: Call) -> Reply:
        fields = parse_fields(call.query.get("fields"))
        sent = mount.stored(body_object(call))
        with mount.telling():
            async with call.unit_of_work() as uow:
                shown = mount.shown(await post_usage(uow, sent, call.context))
        return Reply(201, encode(select_fields(shown, fields)), headers={"Location": shown["href"], "ETag": '"1"'})

    return [
        Endpoint(
            "POST",
            mount.path,
            permission="usage:create",
            handler=post,
            summary="Take in a usage",
            tags=("TMF635",),
        ),
        Endpoint(
            "GET",
            "/trunkline/v1/usage/{id}/rawRecord",
            permission="usage:read",
            handler=_raw_record,
            summary="The record, as it was received, from which a usage was made",
            response=RawRecord,
            tags=("TMF635",),
        ),
        Endpoint(
            "GET",
            "/trunkline/v1/usageSuspense",
            permission="usage:read",
            handler=_summary,
            summary="How many records are held for which reason, and since when",
            response=list[HeldSummary],
            tags=("TMF635",),
        ),
        Endpoint(
            "GET",
            "/trunkline/v1/usageSuspense/record",
            permission="usage:read",
            handler=_held,
            summary="Held records, oldest first",
            response=list[Held],
            tags=("TMF635",),
            parameters=(
                Parameter("reason", "Only those held for this reason"),
                Parameter("limit", f"At most so many, up to {HELD_MAX}", "integer"),
            ),
        ),
        Endpoint(
            "POST",
            "/trunkline/v1/usageSuspense/reprocess",
            permission="usage:update",
            handler=_reprocess,
            summary="Process suspended records again, after what was missing has been repaired",
            request=Reprocess,
            response=Reprocessed,
            tags=("TMF635",),
        ),
    ]


async def _raw_record(call: Call) -> Reply:
    async with call.database.read() as session:
        return Reply(200, await facade.raw_record(session, call.path["id"], call.context))


async def _summary(call: Call) -> Reply:
    async with call.database.read() as session:
        return Reply(200, await facade.summarise(session, call.context))


async def _held(call: Call) -> Reply:
    limit = call.query.integer("limit", 100, 1, HELD_MAX)
    async with call.database.read() as session:
        selection = Selection(reason=call.query.get("reason"))
        return Reply(200, await facade.list_held(session, call.context, selection, limit))


async def _reprocess(call: Call) -> Reply:
    body = call.body(Reprocess)
    selection = Selection(reason=body.reason, ids=tuple(body.id))
    return Reply(200, await facade.reprocess(call.unit_of_work, selection, call.context))
