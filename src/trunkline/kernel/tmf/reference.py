"""References between records: where they stand in a document and what must be there."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.errors import Conflict, Invalid, Unprocessable
from trunkline.kernel.tmf.document import Document

if TYPE_CHECKING:
    from trunkline.kernel.tmf.resource import Resource


NAMED_MAX = 5
"""Referring records that a refused deletion names."""

_REFERRED_FROM_THERE = """
select distinct resource, id from kernel.cross_reference
 where tenant = $1 and target_id = $2 and $3 = any(targets) order by resource, id limit $4"""


class Reference(msgspec.Struct, frozen=True):
    """A place in a document that names records of the same half.

    path  dotted, `[*]` for arrays: "relatedParty[*].partyOrPartyRole"
    to    the resources one of which must hold the id
    """

    path: str
    to: "tuple[Resource[Any], ...]"


def found_in(document: Document, path: str) -> Iterator[tuple[str, Document]]:
    """(place, object) for each object at the path: ("$.relatedParty[0].partyOrPartyRole", {…})."""
    return _found(document, path.split("."), "$")


def is_external(item: Document) -> bool:
    """Whether the reference leads out of the installation; such a one is left alone."""
    href = item.get("href")
    return isinstance(href, str) and href.startswith(("http://", "https://"))


def _found(document: object, steps: list[str], at: str) -> Iterator[tuple[str, Document]]:
    if not steps:
        if isinstance(document, dict):
            yield at, document
        return
    name, many = steps[0].removesuffix("[*]"), steps[0].endswith("[*]")
    if not isinstance(document, dict) or name not in document:
        return
    inner = document[name]
    if many and isinstance(inner, list):
        for n, item in enumerate(inner):
            yield from _found(item, steps[1:], f"{at}.{name}[{n}]")
    else:
        yield from _found(inner, steps[1:], f"{at}.{name}")


class Referrer(msgspec.Struct, frozen=True, eq=False):
    """A resource whose records may refer to others: `path` leads to the id."""

    resource: "Resource[Any]"
    path: str


async def check_references(
    uow: UnitOfWork, references: tuple[Reference, ...], documents: Iterable[Document], context: Context
) -> None:
    """Raise Unprocessable, with all of them, for references in the documents to records that are not there.

    An external `href` (http…) is left alone; so is an object without an id.
    """
    problems: list[Invalid] = []
    for reference in references:
        wanted: dict[str, list[str]] = {}
        for document in documents:
            for place, item in found_in(document, reference.path):
                if not is_external(item) and isinstance(item.get("id"), str):
                    wanted.setdefault(item["id"], []).append(f"{place}.id")
        if not wanted:
            continue
        present: set[str] = set()
        for resource in reference.to:
            if present < wanted.keys():
                present |= await resource.hold(uow, list(wanted), context)
        names = " or ".join(resource.name for resource in reference.to)
        for id_ in wanted.keys() - present:
            problems += [
                Unprocessable("unknownReference", f"There is no {names} {id_}.", path=place) for place in wanted[id_]
            ]
    if problems:
        raise Unprocessable.all_of(problems)


async def check_unreferenced(uow: UnitOfWork, resource: "Resource[Any]", id_: str, context: Context) -> None:
    """Raise Conflict, with some of them, when records of either half refer to this one. References of the same half are
    found by their tokens, those of the other in the index that is kept of them."""
    found: list[str] = []
    for referrer in resource.referrers:
        if not referrer.resource.writable:
            continue
        rows = await uow.fetch(
            f"select id from {referrer.resource.relation} where tenant = $1 and tokens && $2::text[] order by id limit $3",
            context.tenant,
            [f"{referrer.path}={id_}"],
            NAMED_MAX + 1 - len(found),
        )
        found += [f"{referrer.resource.name} {row['id']}" for row in rows]
        if len(found) > NAMED_MAX:
            break
    rows = await uow.fetch(_REFERRED_FROM_THERE, context.tenant, id_, resource.name, NAMED_MAX + 1)
    found += [f"{row['resource']} {row['id']}" for row in rows]
    if found:
        more = " and others" if len(found) > NAMED_MAX else ""
        raise Conflict(
            "inUse",
            f"{resource.name} {id_} is referred to.",
            message=f"By {', '.join(found[:NAMED_MAX])}{more}. Nothing was deleted. Change or delete these first.",
            path="$.id",
        )
