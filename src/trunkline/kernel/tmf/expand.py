"""`expand` and `depth`: references answered with the records that they name, one level (TMF630 part 2).

`expand=relatedParty.partyOrPartyRole,productOffering` names the references, `depth=1` means all that the resource declares.
A reference whose record is not there, or is of another half, stays as it is. Who may not read a resource may not expand it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf.document import Document, decode
from trunkline.kernel.tmf.mount import Mount, mounts_of
from trunkline.kernel.tmf.query import Query
from trunkline.kernel.tmf.reference import Reference
from trunkline.kernel.tmf.resource import Resource

PATHS_MAX = 5
RECORDS_MAX = 500
"""Records that one answer may take in; what is beyond stays a reference."""


def expansions(mount: Mount, query: Query) -> dict[str, Reference]:
    """The references to expand, by their dotted path in the face. Raises Invalid for what is none."""
    declared = {
        mount.shown_path(reference.path.replace("[*]", "")): reference for reference in mount.resource.references
    }
    if query.depth:
        return declared
    if len(query.expand) > PATHS_MAX:
        raise Invalid("tooManyExpansions", f"At most {PATHS_MAX} references are expanded at once.", path="expand")
    for path in query.expand:
        if path not in declared:
            raise Invalid(
                "notExpandable",
                f"{path!r} is no reference that can be expanded.",
                path="expand",
                allowed=list(declared),
            )
    return {path: declared[path] for path in query.expand}


def expanded_resources(wanted: dict[str, Reference]) -> list[Resource[Any]]:
    """The resources that an expansion reads."""
    return list(dict.fromkeys(resource for reference in wanted.values() for resource in reference.to))


async def expand(
    session: ReadSession, mount: Mount, documents: Sequence[Document], wanted: dict[str, Reference], context: Context
) -> None:
    """Put the named records into the documents, as the face shows them. One statement for each resource referred to."""
    places = [
        (reference, item)
        for path, reference in wanted.items()
        for document in documents
        for item in _objects(document, path.split("."))
        if isinstance(item.get("id"), str)
    ]
    for resource in expanded_resources(wanted):
        of_it = [item for reference, item in places if resource in reference.to]
        ids = list(dict.fromkeys(item["id"] for item in of_it))[:RECORDS_MAX]
        if not ids:
            continue
        rows = await session.fetch(resource.sql.several, context.tenant, ids)
        face = next((m for m in mounts_of(resource) if m.generation == mount.generation), mounts_of(resource)[0])
        found = {row["id"]: face.shown(decode(row["doc"])) for row in rows}
        for item in of_it:
            if item["id"] in found:
                item.update(found[item["id"]])


def _objects(value: Any, steps: list[str]) -> Iterator[Document]:
    if isinstance(value, list):
        for item in value:
            yield from _objects(item, steps)
    elif isinstance(value, dict):
        if not steps:
            yield value
        elif steps[0] in value:
            yield from _objects(value[steps[0]], steps[1:])
