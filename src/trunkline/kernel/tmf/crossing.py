"""References from one half of the installation to the other.

The halves may stand in different installations one day, so neither reads the other's records. The relay keeps a stub of
each record that may be referred to (`kernel.stub`: id and state, as the events tell); a reference is checked against it.
One to what no event has told of is kept all the same and marked unresolved, as the event may be on its way, and marked
resolved when the stub comes. A tenant may choose to have it refused.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, ReadSession, UnitOfWork
from trunkline.kernel.errors import Unprocessable
from trunkline.kernel.tmf.document import Document
from trunkline.kernel.tmf.reference import found_in, is_external

LIST_MAX = 1000


class Crossing(msgspec.Struct, frozen=True):
    """A place in a document that names records of the other half.

    path  dotted, `[*]` for arrays: "relatedParty[*].partyOrPartyRole"
    to    names of the resources one of which may hold the id: "customer"
    """

    path: str
    to: tuple[str, ...]

    @property
    def attribute(self) -> str:
        """The document's attribute that the path begins with."""
        return self.path.split(".")[0].removesuffix("[*]")


class CrossReference(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A reference to the other half as it is kept: who refers, from where in the document, to what."""

    resource: str
    id: str
    path: str
    targets: list[str]
    target_id: str
    resolved: bool
    since: str


_KNOWN = """
select coalesce((select strict from kernel.reference_policy where tenant = $1), false) as strict,
       array(select s.resource || ' ' || s.id from kernel.stub s
              where s.tenant = $1 and s.id = any($2::text[]) and not s.gone) as known"""

_KEEP = """
insert into kernel.cross_reference(tenant, resource, id, path, targets, target_id, resolved, since)
select $1, $2, $3, path, string_to_array(targets, ' '), target_id, resolved, $8
  from unnest($4::text[], $5::text[], $6::text[], $7::bool[]) as f(path, targets, target_id, resolved)"""

_FORGET = "delete from kernel.cross_reference where tenant = $1 and resource = $2 and id = $3"

# The relay resolves what waits for a stub as it writes it; a reference stored in that very moment it cannot see yet.
_RECONCILE = """
update kernel.cross_reference r set resolved = true
 where not r.resolved
   and exists (select 1 from kernel.stub s where s.tenant = r.tenant and s.id = r.target_id
                  and s.resource = any(r.targets) and not s.gone)"""

_LIST = """
select resource, id, path, targets, target_id, resolved, since from kernel.cross_reference
 where tenant = $1 and not resolved and since <= $2 order by since, resource, id, path limit $3"""


async def keep_crossings(
    uow: UnitOfWork, crossings: Sequence[Crossing], name: str, document: Document, context: Context, *, again: bool
) -> None:
    """Store what a record refers to in the other half, in place of what was stored before.

    again  whether something may have been stored before
    Raises Unprocessable, with all of them, for references to what is not known there where the tenant is strict.
    """
    wanted = list(_wanted(crossings, document))
    if again:
        await uow.execute(_FORGET, context.tenant, name, document["id"])
    if not wanted:
        return
    row = await uow.fetch_row(_KNOWN, context.tenant, list({id_ for _, _, id_ in wanted}))
    assert row is not None  # the statement selects constants
    known = set(row["known"])
    resolved = [any(f"{target} {id_}" in known for target in targets) for _, targets, id_ in wanted]
    if row["strict"] and not all(resolved):
        raise Unprocessable.all_of(
            [
                Unprocessable("unknownReference", f"No {' or '.join(targets)} {id_} is known here.", path=path)
                for (path, targets, id_), is_known in zip(wanted, resolved, strict=True)
                if not is_known
            ]
        )
    paths, targets, ids = ([*column] for column in zip(*wanted, strict=True))
    kinds = [" ".join(names) for names in targets]
    await uow.execute(_KEEP, context.tenant, name, document["id"], paths, kinds, ids, resolved, context.now)


async def forget_crossings(uow: UnitOfWork, name: str, id_: str, context: Context) -> None:
    """What a record that goes referred to."""
    await uow.execute(_FORGET, context.tenant, name, id_)


async def reconcile_crossings(uow: UnitOfWork) -> int:
    """Mark as resolved what has become known; for all tenants. Returns how many."""
    return await uow.execute(_RECONCILE)


async def unresolved(
    session: ReadSession, context: Context, *, until: Any = None, limit: int = LIST_MAX
) -> list[CrossReference]:
    """References to what is not known, the oldest first; `until` an instant: only those stored by then."""
    rows = await session.fetch(_LIST, context.tenant, until or context.now, limit)
    return [CrossReference(**{**row, "since": row["since"].isoformat()}) for row in map(dict, rows)]


async def is_strict(session: ReadSession, context: Context) -> bool:
    """Whether the tenant has references to what is not known refused."""
    found = await session.fetch_value("select strict from kernel.reference_policy where tenant = $1", context.tenant)
    return bool(found)


async def choose_strict(uow: UnitOfWork, context: Context, *, strict: bool) -> None:
    """Let references to what is not known be refused from now on, or be kept and marked."""
    before = await is_strict(uow, context)
    await uow.execute(
        "insert into kernel.reference_policy(tenant, strict) values ($1, $2)"
        " on conflict (tenant) do update set strict = excluded.strict",
        context.tenant,
        strict,
    )
    uow.audit(
        AuditEntry.of(
            context, "choose", "referencePolicy", context.tenant, before={"strict": before}, after={"strict": strict}
        )
    )


def _wanted(crossings: Iterable[Crossing], document: Document) -> Iterable[tuple[str, tuple[str, ...], str]]:
    """(path, resources, id) of each reference in the document."""
    for crossing in crossings:
        for place, item in found_in(document, crossing.path):
            if not is_external(item) and isinstance(item.get("id"), str):
                yield f"{place}.id", crossing.to, item["id"]
