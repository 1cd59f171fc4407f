"""Writes one version of a record: its row, the version before it, its events and its audit entry.

What may be written is decided in `resource`; nothing is checked here but what the database alone can know.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, UnitOfWork, Write
from trunkline.kernel.errors import Conflict, NotFound
from trunkline.kernel.events.event import Event, event
from trunkline.kernel.tmf.document import Document, decode, encode, tokens_of
from trunkline.kernel.tmf.entity import EntityInfo
from trunkline.kernel.tmf.store import HotColumn, Statements, archive_sql, column_value


class Stored(msgspec.Struct, frozen=True):
    """A record as it is in its locked row. `valid_from` is when this version came to be."""

    document: Document
    version: int
    valid_from: datetime

    def ends_at(self, context: Context) -> datetime:
        """When the version ends: now, and never before it began (clocks of two processes may differ)."""
        return max(context.now, self.valid_from)


class Recorder:
    """Stores the versions of one resource's records."""

    def __init__(
        self,
        info: EntityInfo,
        sql: Statements,
        *,
        domain: str,
        table: str,
        relation: str,
        state_attribute: str | None,
        hot: tuple[HotColumn, ...],
        index: tuple[str, ...],
    ) -> None:
        self._info = info
        self._sql = sql
        self._archive = archive_sql(f"{relation}_history")
        self._domain = domain
        self._key = f"pk_{table}"
        self._state_attribute = state_attribute
        self._hot = hot
        self._index = index
        self._relation = relation

    async def locked(self, uow: UnitOfWork, id_: str, context: Context, *, to_delete: bool = False) -> Stored:
        """The record, with its row locked until the unit of work ends: against changes, or against references too.
        Raises NotFound."""
        row = await uow.fetch_row(self._sql.lock_key if to_delete else self._sql.lock, context.tenant, id_)
        if row is None:
            raise self.not_found(id_)
        return Stored(decode(row["doc"]), row["version"], row["updated_at"])

    def create(self, uow: UnitOfWork, document: Document, context: Context) -> None:
        """Write the first version."""
        self._put(uow, self._sql.insert, document, 1, context.now, context)
        self._tell(uow, "create", document, 1, context, ["Create"], before=None, after=document)

    async def create_many(self, uow: UnitOfWork, documents: Sequence[Document], context: Context) -> None:
        """Write the first version of many records. Raises Conflict, with none of them written, when an id is taken."""
        schema, table = self._relation.split(".")
        rows, events, entries, name = [], [], [], self._info.resource
        for document in documents:
            id_, (state, at, *values) = document["id"], self._values(document, context.now)
            rows.append((context.tenant, id_, 1, state, at, at, *values))
            events.append(self._event("Create", document, 1, context))
            entries.append(AuditEntry.of(context, "create", name, id_, version=1, after=document))
        columns = ("tenant", "id", "version", "state", "created_at", "updated_at", "tokens", "doc")
        try:
            await uow.copy(schema, table, (*columns, *(column.column for column in self._hot)), rows)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != self._key:
                raise
            raise Conflict("idTaken", f"There is a {name} with one of these ids already.", path="$.id") from error
        await uow.copy_told(events, entries)

    def change(
        self, uow: UnitOfWork, stored: Stored, after: Document, context: Context, *, old: Document, new: Document
    ) -> None:
        """Write the next version and keep the one before; `old` and `new` hold the attributes that differ."""
        version, state = stored.version + 1, self._state_attribute
        # of two changes at once the one that waited began earlier: its instant is that of its version
        context = msgspec.structs.replace(context, now=stored.ends_at(context))
        self._keep(uow, stored, context)
        self._put(uow, self._sql.update, after, version, context.now, context)
        moved = state is not None and stored.document.get(state) != after.get(state)
        kinds = ["StateChange"] if moved else []
        rest = set(old) | set(new) - {"lastUpdate"}
        if rest - {state} or not moved:
            kinds.append("AttributeValueChange")
        self._tell(uow, "patch", after, version, context, kinds, before=old, after=new)

    def delete(self, uow: UnitOfWork, stored: Stored, context: Context) -> None:
        """Remove the row; the version stays in the history."""
        document, version = stored.document, stored.version
        id_ = document["id"]
        context = msgspec.structs.replace(context, now=stored.ends_at(context))
        self._keep(uow, stored, context)
        uow.write(Write(sql=self._sql.delete, args=(context.tenant, id_, version), missing=lambda: self.not_found(id_)))
        self._tell(uow, "delete", document, version, context, ["Delete"], before=document, after=None)

    def not_found(self, id_: str) -> NotFound:
        """The error for an id that is not there."""
        return NotFound(
            f"unknown{self._info.name}",
            f"There is no {self._info.resource} {id_[:80]}.",
            path="$.id",
            hint="Check the id, or list.",
        )

    def _keep(self, uow: UnitOfWork, stored: Stored, context: Context) -> None:
        text = encode(stored.document).decode()
        args = (context.tenant, stored.document["id"], stored.version, stored.valid_from, stored.ends_at(context), text)
        uow.write(Write(sql=self._archive, args=args))

    def _put(self, uow: UnitOfWork, sql: str, document: Document, version: int, at: datetime, context: Context) -> None:
        name, id_ = self._info.resource, document["id"]
        uow.write(
            Write(
                sql=sql,
                args=(context.tenant, id_, version, *self._values(document, at)),
                missing=lambda: Conflict("changedMeanwhile", f"{name} {id_} was changed by someone else."),
                clashes={
                    self._key: lambda: Conflict(
                        "idTaken", f"There is a {name} {id_} already.", path="$.id", hint="Leave out the id."
                    )
                },
            )
        )

    def _tell(
        self,
        uow: UnitOfWork,
        action: str,
        document: Document,
        version: int,
        context: Context,
        kinds: list[str],
        *,
        before: Document | None,
        after: Document | None,
    ) -> None:
        name, id_ = self._info.resource, document["id"]
        uow.publish(*(self._event(kind, document, version, context) for kind in kinds))
        uow.audit(AuditEntry.of(context, action, name, id_, version=version, before=before, after=after))

    def _values(self, document: Document, at: datetime) -> tuple[Any, ...]:
        """What a row holds beside its key: state, instant, tokens, document, columns of attributes."""
        return (
            document.get(self._state_attribute) if self._state_attribute else None,
            at,
            tokens_of(document, self._index),
            encode(document).decode(),
            *(column_value(document.get(column.attribute), column.type) for column in self._hot),
        )

    def _event(self, kind: str, document: Document, version: int, context: Context) -> Event:
        name = self._info.resource
        return event(
            context,
            f"{self._info.name}{kind}Event",
            source=self._domain,
            resource=name,
            resource_id=document["id"],
            version=version,
            payload={name: document},
        )
