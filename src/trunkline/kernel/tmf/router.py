"""HTTP for declared resources: TMF630's verbs, headers and status codes over the resource engine."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from trunkline.kernel.errors import Invalid, Precondition, Unsupported, UnsupportedMediaType
from trunkline.kernel.tmf.document import Document, decode, encode, json_patch, merge_patch, parse_body, select_fields
from trunkline.kernel.tmf.expand import expand, expanded_resources, expansions
from trunkline.kernel.tmf.mount import Alias, Mount, mounts_of
from trunkline.kernel.tmf.page import Page, check_instant
from trunkline.kernel.tmf.patch_query import json_patch_query
from trunkline.kernel.tmf.query import Query, cursor, parse, parse_depth, parse_fields
from trunkline.kernel.tmf.reference import Reference
from trunkline.kernel.tmf.resource import Resource
from trunkline.kernel.tmf.validate import check_sent, unknown_values
from trunkline.kernel.web import Call, Endpoint, Reply

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
JSON_PATCH_QUERY = "application/json-patch-query+json"
_PLAIN_IN_QUERY = "%&=-._~:@!$'()*,;+/?"  # as it came; what would end the link's target is encoded
_SERVER_SET = ("id", "href", "@type")

AnyResource = Resource[Any]


def resource_endpoints(declared: AnyResource | Alias) -> list[Endpoint]:
    """The endpoints of one resource in all its generations, as many as each offers."""
    return [endpoint for mount in mounts_of(declared) for endpoint in _mount_endpoints(mount)]


def _mount_endpoints(mount: Mount) -> list[Endpoint]:
    path, one = mount.path, f"{mount.path}/{{id}}"
    name, tag = mount.resource.name, (mount.api,)
    offered = {
        "create": Endpoint(
            "POST",
            path,
            permission=f"{name}:create",
            handler=_creator(mount),
            summary=f"Create a {mount.name}",
            tags=tag,
        ),
        "list": Endpoint(
            "GET",
            path,
            permission=f"{name}:read",
            handler=_lister(mount),
            summary=f"List or find {mount.name} records",
            tags=tag,
        ),
        "retrieve": Endpoint(
            "GET", one, permission=f"{name}:read", handler=_reader(mount), summary=f"Read a {mount.name}", tags=tag
        ),
        "patch": Endpoint(
            "PATCH",
            one,
            permission=f"{name}:update",
            handler=_patcher(mount),
            summary=f"Change a {mount.name}",
            tags=tag,
        ),
        "delete": Endpoint(
            "DELETE",
            one,
            permission=f"{name}:delete",
            handler=_deleter(mount),
            summary=f"Delete a {mount.name}",
            tags=tag,
        ),
    }
    return [endpoint for operation, endpoint in offered.items() if operation in mount.operations]


def _creator(mount: Mount) -> Callable[[Call], Any]:
    resource = mount.resource

    async def create(call: Call) -> Reply:
        sent = body_object(call)
        if resource.unavailable:
            raise Unsupported("engineMissing", f"{mount.name} cannot be created here.", message=resource.unavailable)
        fields = parse_fields(call.query.get("fields"))
        check_sent(sent, mount.required, mount.closed)
        with mount.telling():
            async with call.unit_of_work() as uow:
                stored, context = mount.stored(sent), call.context
                created, version = await resource.create_versioned(uow, stored, context, required=())
        shown = mount.shown(created)
        headers = {"Location": shown["href"], "ETag": f'"{version}"'}
        return Reply(201, encode(select_fields(shown, fields)), headers=headers)

    return create


def _reader(mount: Mount) -> Callable[[Call], Any]:
    resource, show = mount.resource, mount.text_shown()

    async def read(call: Call) -> Reply:
        fields, at = parse_fields(call.query.get("fields")), _instant(call.query.get("asOf"))
        wanted = _expansions(mount, Query(**parse_depth(call.query.get("expand"), call.query.get("depth"))), call)
        async with call.database.read() as session:
            text, version = await resource.get_text(session, call.path["id"], call.context, at=at)
            if wanted:
                document = decode(show(text))
                await expand(session, mount, [document], wanted, call.context)
                return Reply(200, encode(select_fields(document, fields)))
        etag = f'"{version}"'
        if _names(call.headers.get("if-none-match", ""), etag):
            return Reply(304, None, headers={"ETag": etag})
        content = show(text)
        return Reply(
            200, content if fields is None else encode(select_fields(decode(content), fields)), headers={"ETag": etag}
        )

    return read


def _lister(mount: Mount) -> Callable[[Call], Any]:
    resource, show = mount.resource, mount.text_shown()

    async def list_(call: Call) -> Reply:
        query = mount.query(parse(call.raw_query))
        with mount.telling():
            wanted = _expansions(mount, query, call)
            async with call.database.read() as session:
                page = await resource.page(session, query, call.context)
                if wanted:
                    documents = [decode(show(text)) for text in page.texts]
                    await expand(session, mount, documents, wanted, call.context)
        if wanted:
            content = encode([select_fields(document, query.fields) for document in documents])
        elif query.fields is None:
            content = b"[" + b",".join(map(show, page.texts)) + b"]"
        else:
            content = encode([select_fields(decode(show(text)), query.fields) for text in page.texts])
        partial = query.paged and len(page.texts) < page.total
        return Reply(206 if partial else 200, content, headers=_page_headers(mount.path, query, page, call.raw_query))

    return list_


def _expansions(mount: Mount, query: Query, call: Call) -> dict[str, Reference]:
    """The references to expand, each of which the client must be allowed to read."""
    if not query.expand and not query.depth:
        return {}
    wanted = expansions(mount, query)
    for resource in expanded_resources(wanted):
        call.require(f"{resource.name}:read")
    return wanted


def _patcher(mount: Mount) -> Callable[[Call], Any]:
    resource, fixed = mount.resource, dict.fromkeys((*_SERVER_SET, *mount.patch_forbidden))

    cycle = resource.life_cycle

    def guard(stored: Document, edited: Document) -> None:
        before, after = mount.shown(stored), mount.shown(edited)
        problems = [
            Invalid("notPatchable", f"{name} cannot be changed.", path=f"$.{name}")
            for name in fixed
            if before.get(name) != after.get(name)
        ]
        changed = {name: value for name, value in after.items() if before.get(name) != value}
        problems += unknown_values(changed, mount.closed)
        if problems:
            raise Invalid.all_of(problems)
        if cycle:
            cycle.check_edit(resource.name, stored, edited)

    async def patch(call: Call) -> Reply:
        edit = mount.edit(_edit(call))
        if_match = _if_match(call)
        fields = parse_fields(call.query.get("fields"))
        with mount.telling():
            async with call.unit_of_work() as uow:
                changed = await resource.change(
                    uow, call.path["id"], edit, call.context, if_match=if_match, guard=guard
                )
                version = await _version(resource, uow, call)
        return Reply(200, encode(select_fields(mount.shown(changed), fields)), headers={"ETag": f'"{version}"'})

    return patch


async def _version(resource: AnyResource, uow: Any, call: Call) -> int:
    """The version after the change, read in the same transaction."""
    return (await resource.get_text(uow, call.path["id"], call.context))[1]


def _deleter(mount: Mount) -> Callable[[Call], Any]:
    async def delete(call: Call) -> Reply:
        async with call.unit_of_work() as uow:
            await mount.resource.delete(uow, call.path["id"], call.context, if_match=_if_match(call))
        return Reply(204, None)

    return delete


def _edit(call: Call) -> Callable[[Document], Document]:
    media = call.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if media == JSON_PATCH:
        operations = parse_body(call.json_bytes())
        return lambda before: json_patch(before, operations)
    if media == JSON_PATCH_QUERY:
        operations = parse_body(call.json_bytes())
        return lambda before: json_patch_query(before, operations)
    if media in (MERGE_PATCH, "application/json"):
        patch = body_object(call)
        return lambda before: merge_patch(before, patch)
    raise UnsupportedMediaType(
        "unsupportedPatch",
        f"A PATCH cannot be {media[:60]}.",
        allowed=("application/json", MERGE_PATCH, JSON_PATCH, JSON_PATCH_QUERY),
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


def _page_headers(path: str, query: Query, page: Page, raw: str) -> dict[str, str]:
    headers = {"X-Total-Count": str(page.total), "X-Result-Count": str(len(page.texts))}
    if page.total_is_estimate:
        headers["X-Total-Count-Relation"] = "estimate"
    kept = [
        part for part in raw.split("&") if part and part.split("=")[0] not in ("offset", "limit", "after", "before")
    ]
    rest = quote("&".join(kept), safe=_PLAIN_IN_QUERY, encoding="latin-1")

    def link(relation: str, **place: object) -> str:
        parameters = "&".join([*([rest] if rest else []), *(f"{k}={v}" for k, v in place.items())])
        return f'<{path}?{parameters}>; rel="{relation}"'

    size = query.limit
    links = [_self(query, link), link("first", offset=0, limit=size)]
    if page.places:
        links += _neighbours(query, page, link)
    if size and not page.total_is_estimate:
        links.append(link("last", offset=max(0, (page.total - 1) // size * size), limit=size))
    headers["Link"] = ", ".join(links)
    return headers


def _self(query: Query, link: Callable[..., str]) -> str:
    for name, at in (("after", query.after), ("before", query.before)):
        if at:
            return link("self", **{name: cursor(at)}, limit=query.limit)
    return link("self", offset=query.offset, limit=query.limit)


def _neighbours(query: Query, page: Page, link: Callable[..., str]) -> list[str]:
    """Where the pages before and after are: by cursor, which stays right while records come."""
    size, links = query.limit, []
    at_cursor = query.after or query.before
    if at_cursor and (query.after or page.more):
        links.append(link("prev", before=cursor(page.places[0]), limit=size))
    elif query.offset and not at_cursor:
        links.append(link("prev", offset=max(0, query.offset - size), limit=size))
    if not query.before and not page.more:
        return links
    return [*links, link("next", after=cursor(page.places[-1]), limit=size)]
