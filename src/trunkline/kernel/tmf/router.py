"""HTTP for declared resources: TMF630's verbs, headers and status codes over the resource engine."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from trunkline.kernel.errors import Invalid, Precondition, UnsupportedMediaType
from trunkline.kernel.tmf.document import Document, decode, encode, json_patch, merge_patch, parse_body, select_fields
from trunkline.kernel.tmf.page import Page, check_instant
from trunkline.kernel.tmf.query import Query, cursor, parse, parse_fields
from trunkline.kernel.tmf.resource import Resource
from trunkline.kernel.web import Call, Endpoint, Reply

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
_PLAIN_IN_QUERY = "%&=-._~:@!$'()*,;+/?"  # as it came; what would end the link's target is encoded
_SERVER_SET = ("id", "href", "@type")

AnyResource = Resource[Any]


def resource_endpoints(resource: AnyResource) -> list[Endpoint]:
    """The endpoints of one resource, as many as it offers."""
    one = f"{resource.base_path}/{{id}}"
    name, tag = resource.name, (resource.info.api,)
    offered = {
        "create": Endpoint(
            "POST",
            resource.base_path,
            permission=f"{name}:create",
            handler=_creator(resource),
            summary=f"Create a {name}",
            tags=tag,
        ),
        "list": Endpoint(
            "GET",
            resource.base_path,
            permission=f"{name}:read",
            handler=_lister(resource),
            summary=f"List or find {name} records",
            tags=tag,
        ),
        "retrieve": Endpoint(
            "GET", one, permission=f"{name}:read", handler=_reader(resource), summary=f"Read a {name}", tags=tag
        ),
        "patch": Endpoint(
            "PATCH", one, permission=f"{name}:update", handler=_patcher(resource), summary=f"Change a {name}", tags=tag
        ),
        "delete": Endpoint(
            "DELETE", one, permission=f"{name}:delete", handler=_deleter(resource), summary=f"Delete a {name}", tags=tag
        ),
    }
    return [endpoint for operation, endpoint in offered.items() if operation in resource.operations]


def _creator(resource: AnyResource) -> Callable[[Call], Any]:
    async def create(call: Call) -> Reply:
        document = body_object(call)
        fields = parse_fields(call.query.get("fields"))
        async with call.unit_of_work() as uow:
            created = await resource.create(uow, document, call.context)
        content = encode(select_fields(created, fields))
        return Reply(201, content, headers={"Location": created["href"], "ETag": '"1"'})

    return create


def _reader(resource: AnyResource) -> Callable[[Call], Any]:
    async def read(call: Call) -> Reply:
        fields, at = parse_fields(call.query.get("fields")), _instant(call.query.get("asOf"))
        async with call.database.read() as session:
            text, version = await resource.get_text(session, call.path["id"], call.context, at=at)
        etag = f'"{version}"'
        if _names(call.headers.get("if-none-match", ""), etag):
            return Reply(304, None, headers={"ETag": etag})
        content = text.encode() if fields is None else encode(select_fields(decode(text), fields))
        return Reply(200, content, headers={"ETag": etag})

    return read


def _lister(resource: AnyResource) -> Callable[[Call], Any]:
    async def list_(call: Call) -> Reply:
        query = parse(call.raw_query)
        async with call.database.read() as session:
            page = await resource.page(session, query, call.context)
        if query.fields is None:
            content = f"[{','.join(page.texts)}]".encode()
        else:
            content = encode([select_fields(decode(text), query.fields) for text in page.texts])
        partial = query.paged and len(page.texts) < page.total
        return Reply(206 if partial else 200, content, headers=_page_headers(resource, query, page, call.raw_query))

    return list_


def _patcher(resource: AnyResource) -> Callable[[Call], Any]:
    forbidden = (*_SERVER_SET, *resource.info.patch_forbidden)

    def guard(before: Document, after: Document) -> None:
        problems = [
            Invalid("notPatchable", f"{name} cannot be changed.", path=f"$.{name}")
            for name in dict.fromkeys(forbidden)
            if before.get(name) != after.get(name)
        ]
        if problems:
            raise Invalid.all_of(problems)

    async def patch(call: Call) -> Reply:
        edit = _edit(call)
        if_match = _if_match(call)
        fields = parse_fields(call.query.get("fields"))
        async with call.unit_of_work() as uow:
            changed = await resource.change(uow, call.path["id"], edit, call.context, if_match=if_match, guard=guard)
            version = await _version(resource, uow, call)
        return Reply(200, encode(select_fields(changed, fields)), headers={"ETag": f'"{version}"'})

    return patch


async def _version(resource: AnyResource, uow: Any, call: Call) -> int:
    """The version after the change, read in the same transaction."""
    return (await resource.get_text(uow, call.path["id"], call.context))[1]


def _deleter(resource: AnyResource) -> Callable[[Call], Any]:
    async def delete(call: Call) -> Reply:
        async with call.unit_of_work() as uow:
            await resource.delete(uow, call.path["id"], call.context, if_match=_if_match(call))
        return Reply(204, None)

    return delete


def _edit(call: Call) -> Callable[[Document], Document]:
    media = call.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if media == JSON_PATCH:
        operations = parse_body(call.json_bytes())
        return lambda before: json_patch(before, operations)
    if media in (MERGE_PATCH, "application/json"):
        patch = body_object(call)
        return lambda before: merge_patch(before, patch)
    raise UnsupportedMediaType(
        "unsupportedPatch", f"A PATCH cannot be {media[:60]}.", allowed=("application/json", MERGE_PATCH, JSON_PATCH)
    )


def body_object(call: Call) -> Document:
    """The request body as a JSON object, numbers exact. Raises Invalid."""
    body = parse_body(call.json_bytes())
    if not isinstance(body, dict):
        raise Invalid("invalidBody", "The body must be a JSON object.", path="$")
    return body


def _names(condition: str, etag: str) -> bool:
    """Whether an If-None-Match holds the entity tag, compared weakly (RFC 9110, 13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in condition.split(",")]
    return etag in tags or tags == ["*"]


def _if_match(call: Call) -> int | None:
    text = call.headers.get("if-match")
    if text is None or text == "*":
        return None
    version = text.removeprefix("W/").strip('"')
    if not (version.isascii() and version.isdigit()) or len(version) > 9:
        raise Precondition(
            "versionMoved", "If-Match names no version of this record.", hint='Send the ETag you read, as "3".'
        )
    return int(version)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text.replace(" ", "+"))
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise check_instant(text) from error


def _page_headers(resource: AnyResource, query: Query, page: Page, raw: str) -> dict[str, str]:
    headers = {"X-Total-Count": str(page.total), "X-Result-Count": str(len(page.texts))}
    if page.total_is_minimum:
        headers["X-Total-Count-Relation"] = "gte"
    kept = [
        part for part in raw.split("&") if part and part.split("=")[0] not in ("offset", "limit", "after", "before")
    ]
    rest = quote("&".join(kept), safe=_PLAIN_IN_QUERY, encoding="latin-1")

    def link(relation: str, **place: object) -> str:
        parameters = "&".join([*([rest] if rest else []), *(f"{k}={v}" for k, v in place.items())])
        return f'<{resource.base_path}?{parameters}>; rel="{relation}"'

    size = query.limit
    links = [_self(query, link), link("first", offset=0, limit=size)]
    if page.ids:
        links += _neighbours(query, page, link)
    if size and not page.total_is_minimum:
        links.append(link("last", offset=max(0, (page.total - 1) // size * size), limit=size))
    headers["Link"] = ", ".join(links)
    return headers


def _self(query: Query, link: Callable[..., str]) -> str:
    if query.after or query.before:
        name, at = ("after", query.after) if query.after else ("before", query.before)
        return link("self", **{name: cursor(at or "")}, limit=query.limit)
    return link("self", offset=query.offset, limit=query.limit)


def _neighbours(query: Query, page: Page, link: Callable[..., str]) -> list[str]:
    """Where the pages before and after are: by cursor in the default order, which stays right while records come."""
    size, links = query.limit, []
    at_cursor = query.after or query.before
    if at_cursor and (query.after or page.more):
        links.append(link("prev", before=cursor(page.ids[0]), limit=size))
    elif query.offset and not at_cursor:
        links.append(link("prev", offset=max(0, query.offset - size), limit=size))
    if not query.before and not page.more:
        return links
    if query.sort:
        return [*links, link("next", offset=query.offset + size, limit=size)]
    return [*links, link("next", after=cursor(page.ids[-1]), limit=size)]


def all_endpoints(resources: Sequence[AnyResource]) -> list[Endpoint]:
    """The endpoints of all resources."""
    return [endpoint for resource in resources for endpoint in resource_endpoints(resource)]
