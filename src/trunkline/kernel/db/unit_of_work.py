"""One unit of work: one transaction, its changes, events and audit rows written together.

Writes, events and audit entries are buffered and sent as one statement when the unit of work reads again or ends. A unit
that consists of a single write therefore costs one round trip and no explicit transaction (1.5 × creates, measured).
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from typing import Any

import asyncpg
import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db.session import ReadSession, Record
from trunkline.kernel.events.event import Event
from trunkline.kernel.ids import new_id

ROWS_MAX = 25
"""Events, and audit entries, of one statement: each is written with scalars for parameters, so that its text has a place
for each. Arrays to unnest need one text for all numbers, but took the driver twice the time and the server a third more."""

_OUTBOX = {
    "tenant": "text",
    "id": "text",
    "type": "text",
    "source": "text",
    "resource": "text",
    "resource_id": "text",
    "version": "int",
    "occurred_at": "timestamptz",
    "correlation_id": "text",
    "causation_id": "text",
    "actor": "text",
    "payload": "json",
}
_AUDIT = {
    "tenant": "text",
    "id": "text",
    "recorded_at": "timestamptz",
    "actor": "text",
    "channel": "text",
    "action": "text",
    "resource": "text",
    "resource_id": "text",
    "version": "int",
    "reason": "text",
    "correlation_id": "text",
    "before": "json",
    "after": "json",
}

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

    async def copy_told(self, events: Sequence[Event], entries: Sequence[AuditEntry]) -> None:
        """Write many events and audit entries by COPY: for hundreds at once."""
        await self.copy("kernel", "outbox", list(_OUTBOX), [_outbox_row(event) for event in events])
        await self.copy("kernel", "audit", list(_AUDIT), [_audit_row(entry) for entry in entries])
        self.published = self.published or bool(events)

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

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part of this unit of work that is undone alone when it raises; may be nested."""
        await self._ready()
        events_begun, acts_begun = self.published, len(self._after_commit)
        await self._connection.execute("savepoint part")
        try:
            yield
            await self.flush()
        except BaseException:
            self._writes, self._events, self._audit = [], [], []
            self.published = events_begun
            del self._after_commit[acts_begun:]
            await self._connection.execute("rollback to savepoint part")
            raise
        finally:
            await self._connection.execute("release savepoint part")

    async def finish(self) -> None:
        """Send what is buffered and commit. Called by the edge alone."""
        if not self._open and len(self._writes) <= 1 and max(len(self._events), len(self._audit)) <= ROWS_MAX:
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
            await self._run(writes[-1] if writes else None, events[:ROWS_MAX], entries[:ROWS_MAX])
        for done in range(ROWS_MAX, max(len(events), len(entries)), ROWS_MAX):
            await self._run(None, events[done : done + ROWS_MAX], entries[done : done + ROWS_MAX])

    async def _run(self, write: Write | None, events: Sequence[Event], entries: Sequence[AuditEntry]) -> None:
        args: list[Any] = list(write.args) if write else []
        sql = _statement(write.sql if write else "", len(args), len(events), len(entries))
        for event in events:
            args += _outbox_row(event)
        for entry in entries:
            args += _audit_row(entry)
        try:
            changed = await self._connection.fetchval(sql, *args)
        except asyncpg.UniqueViolationError as error:
            clash = write.clashes.get(error.constraint_name or "") if write else None
            if clash is None:
                raise
            raise clash() from error
        if not changed and write and write.missing:
            raise write.missing()


OpenUnit = Callable[[], AbstractAsyncContextManager[UnitOfWork]]
"""Opens a unit of work: `database.unit_of_work`, or a request's own, which several may share."""


@lru_cache(maxsize=1024)
def _statement(write: str, args: int, events: int, entries: int) -> str:
    """The text for a write with so many parameters, so many events and so many audit entries. Where the write changes no
    row, neither the events nor the entries are written."""
    parts = [f"w as ({write})"] if write else []
    if events:
        parts.append(f"o as ({_insert('kernel.outbox', _OUTBOX, args, events, bool(write))})")
    if entries:
        parts.append(f"a as ({_insert('kernel.audit', _AUDIT, args + events * len(_OUTBOX), entries, bool(write))})")
    return f"with {', '.join(parts)} select {'(select count(*) from w)' if write else '1'}"


def _insert(table: str, columns: dict[str, str], offset: int, count: int, with_write: bool) -> str:
    names, width = ", ".join(columns), len(columns)
    rows = (
        ", ".join(f"${offset + n * width + place}::{type_}" for place, type_ in enumerate(columns.values(), 1))
        for n in range(count)
    )
    values = "), (".join(rows)
    where = " where exists (select 1 from w)" if with_write else ""
    return f"insert into {table}({names}) select * from (values ({values})) v({names}){where}"


def _outbox_row(event: Event) -> tuple[Any, ...]:
    return (
        event.tenant,
        event.id,
        event.type,
        event.source,
        event.resource,
        event.resource_id,
        event.version,
        event.occurred_at,
        event.correlation_id,
        event.causation_id,
        event.actor,
        _json.encode(event.payload).decode(),
    )


def _audit_row(entry: AuditEntry) -> tuple[Any, ...]:
    context = entry.context
    return (
        context.tenant,
        entry.id,
        context.now,
        context.actor,
        context.channel,
        entry.action,
        entry.resource,
        entry.resource_id,
        entry.version,
        context.reason,
        context.correlation_id,
        entry.before,
        entry.after,
    )
