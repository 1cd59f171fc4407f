"""Files for import and export jobs over HTTP: put there, list, fetch, delete."""

from trunkline.kernel.errors import Invalid
from trunkline.kernel.transfer.exchange import (
    ROOT,
    SIZE_MAX,
    ExchangeFile,
    address,
    check_name,
    delete_file,
    get_file,
    list_files,
    put_file,
)
from trunkline.kernel.transfer.formats import MEDIA_TYPES, format_of
from trunkline.kernel.web import Call, Endpoint, Parameter, Reply

_ONE = f"{ROOT}/{{name}}"
_TAGS = ("exchange",)


def endpoints() -> list[Endpoint]:
    """The endpoints of exchanged files."""
    return [
        Endpoint(
            "POST",
            ROOT,
            permission="exchangeFile:create",
            handler=_put,
            summary="Put a file there for an import job: its bytes as body; one of the same name is replaced",
            request=bytes,
            tags=_TAGS,
            parameters=(Parameter("file", "The file's name; .csv is CSV, others are NDJSON", required=True),),
            size_max=SIZE_MAX,
        ),
        Endpoint(
            "GET",
            ROOT,
            permission="exchangeFile:read",
            handler=_list,
            summary="List the files",
            response=list[ExchangeFile],
            tags=_TAGS,
        ),
        Endpoint(
            "GET",
            _ONE,
            permission="exchangeFile:read",
            handler=_get,
            summary="Fetch a file",
            media_type="application/octet-stream",
            tags=_TAGS,
        ),
        Endpoint(
            "DELETE", _ONE, permission="exchangeFile:delete", handler=_delete, summary="Delete a file", tags=_TAGS
        ),
    ]


async def _put(call: Call) -> Reply:
    name = call.query.required("file")
    check_name(name, "file")
    if not call.content:
        raise Invalid("emptyFile", "The body is empty; it is the file.", path="$")
    async with call.unit_of_work() as uow:
        await put_file(uow, name, MEDIA_TYPES[format_of(name)], call.content, call.context)
    return Reply(201, {"name": name, "href": address(name)}, headers={"Location": address(name)})


async def _list(call: Call) -> Reply:
    async with call.database.read() as session:
        return Reply(200, await list_files(session, call.context))


async def _get(call: Call) -> Reply:
    async with call.database.read() as session:
        content, media_type = await get_file(session, call.path["name"], call.context)
    return Reply(200, content, media_type=media_type, headers={"X-Content-Type-Options": "nosniff"})


async def _delete(call: Call) -> Reply:
    async with call.unit_of_work() as uow:
        await delete_file(uow, call.path["name"], call.context)
    return Reply(204)
