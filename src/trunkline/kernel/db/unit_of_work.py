"""One unit of work: one transaction, its changes, events and audit rows written together.

Writes, events and audit entries are buffered and sent as one statement when the unit of work reads again or ends. A unit
that consists of a single write therefore costs one round trip and no explicit transaction (1.5 × creates, measured).
"""

from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db.session import ReadSession, Record
from trunkline.kernel.events.event import Event
from trunkline.kernel.ids import new_id

OUTBOX_COLUMNS = 12
AUDIT_COLUMNS = 13

_OUTBOX = """insert into kernel.outbox
 (tenant, id, type, source, resource, resource_id, version, occurred_at, correlation_id, causation_id, actor, payload)
 select t.tenant, t.id, t.type, t.source, t.resource, t.resource_id, t.version, t.occurred_at, t.correlation_id,
        t.causation_id, t.actor, t.payload::json
   from unnest({0}::text[], {1}::text[], {2}::text[], {3}::text[], {4}::text[], {5}::text[], {6}::int[],
               {7}::timestamptz[], {8}::text[], {9}::text[], {10}::text[], {11}::text[]) with ordinality
     as t(tenant, id, type, source, resource, resource_id, version, occurred_at, correlation_id, causation_id, actor,
          payload, n) {where} order by t.n"""

_AUDIT = """insert into kernel.audit
 (tenant, id, recorded_at, actor, channel, action, resource, resource_id, version, reason, correlation_id, before, after)
 select t.tenant, t.id, t.recorded_at, t.actor, t.channel, t.action, t.resource, t.resource_id, t.version, t.reason,
        t.correlation_id, t.before::json, t.after::json
   from unnest({0}::text[], {1}::text[], {2}::timestamptz[], {3}::text[], {4}::text[], {5}::text[], {6}::text[],
               {7}::text[], {8}::int[], {9}::text[], {10}::text[], {11}::text[], {12}::text[])
     as t(tenant, id, recorded_at, actor, channel, action, resource, resource_id, version, reason, correlation_id,
          before, after) {where}"""

_json = msgspec.json.Encoder(decimal_format="number")


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """A buffered statement that changes exactly one row and returns it (`… returning 1`).

    missing  makes the error to raise when no row was changed (a version moved on, a row is gone)
    clashes  constraint name → maker of the error to raise when it is violated
    """

    sql: str
    args: tuple[Any, ...]
    missing: Callable[[], Exception] | None = None
    clashes: dict[str, Callable[[], Exception]] = {}


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed what, from what to what, and why. `before` and `after` are JSON texts of the changed attributes."""

    id: str
    context: Context
    action: str
    resource: str
    resource_id: str
    version: int = 0
    before: str | None = None
    after: str | None = None

    @classmethod
    def of(
        cls,
        context: Context,
        action: str,
        resource: str,
        resource_id: str,
        *,
        version: int = 0,
        before: Any = None,
        after: Any = None,
    ) -> "AuditEntry":
        """An entry; `before`/`after` are encoded as JSON. Secrets must not be given."""
        return cls(
            id=new_id(),
            context=context,
            action=action,
            resource=resource,
            resource_id=resource_id,
            version=version,
            before=None if before is None else _json.encode(before).decode(),
            after=None if after is None else _json.encode(after).decode(),
        )


class UnitOfWork(ReadSession):
    """Reads and writes of one transaction. Only the edge (`Database.unit_of_work`) commits."""

    def __init__(self, connection: "asyncpg.Connection[Record]") -> None:
        super().__init__(connection)
        self._open = False
        self._writes: list[Write] = []
        self._events: list[Event] = []
        self._audit: list[AuditEntry] = []
        self._after_commit: list[Callable[[], None]] = []
        self.published = False
        """Whether this unit of work has made work for others (an event, a step): the edge then wakes the workers."""

    async def fetch(self, sql: str, *args: Any) -> Sequence[Record]:
        await self._ready()
        return await super().fetch(sql, *args)

    async def fetch_row(self, sql: str, *args: Any) -> Record | None:
        await self._ready()
        return await super().fetch_row(sql, *args)

    async def fetch_value(self, sql: str, *args: Any) -> Any:
        await self._ready()
        return await super().fetch_value(sql, *args)

    async def execute(self, sql: str, *args: Any) -> int:
        """Run a statement at once; returns the number of rows it changed."""
        await self._ready()
        status = await self._connection.execute(sql, *args)
        count = status.rsplit(" ", 1)[-1]
        return int(count) if count.isdigit() else 0

    async def execute_many(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run one statement for many parameter rows in one round trip."""
        await self._ready()
        await self._connection.executemany(sql, rows)

    async def copy(self, schema: str, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Binary COPY of rows into a table."""
        await self._ready()
        await self._connection.copy_records_to_table(table, schema_name=schema, columns=list(columns), records=rows)

    def write(self, write: Write) -> None:
        """Buffer a change of one row."""
        self._writes.append(write)

    def publish(self, *events: Event) -> None:
        """Buffer events; they reach the outbox with this transaction or not at all."""
        self._events.extend(events)

    def audit(self, entry: AuditEntry) -> None:
        """Buffer an audit row."""
        self._audit.append(entry)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Something cheap to do once the transaction is committed (wake a loop). It may be lost in a crash."""
        self._after_commit.append(action)

    def wake(self) -> None:
        """Ask the edge to wake the workers once this is committed; needed only for work that is not an event."""
        self.published = True

    async def begin(self) -> None:
        """Open the transaction explicitly; otherwise it opens with the first statement."""
        if not self._open:
            self._open = True  # before the call: cancelled in it, the transaction may be open all the same
            await self._connection.execute("begin")

    async def flush(self) -> None:
        """Send what is buffered, inside the transaction."""
        if self._writes or self._events or self._audit:
            await self.begin()
            await self._send()

    async def finish(self) -> None:
        """Send what is buffered and commit. Called by the edge alone."""
        if not self._open and len(self._writes) <= 1:
            await self._send()
        else:
            await self.flush()
            if self._open:
                self._open = False
                await self._commit()
        for action in self._after_commit:
            action()

    async def abandon(self) -> None:
        """Roll back. Called by the edge alone."""
        if self._open:
            self._open = False
            await self._connection.execute("rollback")

    async def _commit(self) -> None:
        # PostgreSQL answers the commit of a failed transaction with a quiet ROLLBACK. Without this look, code that
        # swallowed a statement's error would be told that all is stored.
        if await self._connection.execute("commit") != "COMMIT":
            raise asyncpg.InFailedSQLTransactionError(
                "A statement of this unit of work failed and its error was not passed on; nothing was stored."
            )

    async def _ready(self) -> None:
        await self.begin()
        await self.flush()

    async def _send(self) -> None:
        writes, events, entries = self._writes, self._events, self._audit
        self._writes, self._events, self._audit = [], [], []
        self.published = self.published or bool(events)
        for write in writes[:-1]:
            await self._run(write, (), ())
        if writes or events or entries:
            await self._run(writes[-1] if writes else None, events, entries)

    async def _run(self, write: Write | None, events: Sequence[Event], entries: Sequence[AuditEntry]) -> None:
        args: list[Any] = list(write.args) if write else []
        parts = []
        where = ""
        if write:
            parts.append(f"w as ({write.sql})")
            where = "where exists (select 1 from w)"
        if events:
            parts.append(f"o as ({_placed(_OUTBOX, len(args), OUTBOX_COLUMNS, where)})")
            args += _outbox_args(events)
        if entries:
            parts.append(f"a as ({_placed(_AUDIT, len(args), AUDIT_COLUMNS, where)})")
            args += _audit_args(entries)
        sql = f"with {', '.join(parts)} select {'(select count(*) from w)' if write else '1'}"
        try:
            changed = await self._connection.fetchval(sql, *args)
        except asyncpg.UniqueViolationError as error:
            clash = write.clashes.get(error.constraint_name or "") if write else None
            if clash is None:
                raise
            raise clash() from error
        if not changed and write and write.missing:
            raise write.missing()


def _placed(sql: str, offset: int, count: int, where: str) -> str:
    return sql.format(*(f"${offset + n + 1}" for n in range(count)), where=where)


def _outbox_args(events: Sequence[Event]) -> list[list[Any]]:
    return [
        [e.tenant for e in events],
        [e.id for e in events],
        [e.type for e in events],
        [e.source for e in events],
        [e.resource for e in events],
        [e.resource_id for e in events],
        [e.version for e in events],
        [e.occurred_at for e in events],
        [e.correlation_id for e in events],
        [e.causation_id for e in events],
        [e.actor for e in events],
        [_json.encode(e.payload).decode() for e in events],
    ]


def _audit_args(entries: Sequence[AuditEntry]) -> list[list[Any]]:
    return [
        [e.context.tenant for e in entries],
        [e.id for e in entries],
        [e.context.now for e in entries],
        [e.context.actor for e in entries],
        [e.context.channel for e in entries],
        [e.action for e in entries],
        [e.resource for e in entries],
        [e.resource_id for e in entries],
        [e.version for e in entries],
        [e.context.reason for e in entries],
        [e.context.correlation_id for e in entries],
        [e.before for e in entries],
        [e.after for e in entries],
    ]
