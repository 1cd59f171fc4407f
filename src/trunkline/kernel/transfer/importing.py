"""Rows into records: new ones are taken over, others changed to what the row says, equal ones left alone.

Rows go in batches, one transaction each; with it is stored how far the file is, so that an import that was cut off goes on
there. A batch that is refused is halved until the rows at fault stand alone: they are told and left out. A row that refers
to one further down waits for it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, UnitOfWork
from trunkline.kernel.errors import Conflict, TrunklineError
from trunkline.kernel.ids import new_id
from trunkline.kernel.tmf.document import Document, without_nulls
from trunkline.kernel.tmf.resource import Resource
from trunkline.kernel.transfer.contracts import Advance, ImportReport, ImportRequest, Row, RowProblem, Tell

BATCH_ROWS = 500
BATCH_CHARACTERS = 4_000_000
_TURN = 10
WAITING_MAX = 100_000
"""Rows that may wait for others; more are refused at once."""

_FIND = """select id, lines_done from kernel.import_run
 where tenant = $1 and resource = $2 and sha256 = $3 and finished_at is null for update"""
_BEGIN = """insert into kernel.import_run(tenant, id, resource, name, sha256, lines_done, actor, started_at)
 values ($1, $2, $3, $4, $5, 0, $6, $7)"""
_ADVANCE = """update kernel.import_run set lines_done = $4
 where tenant = $1 and id = $2 and lines_done = $3 and finished_at is null"""
_FINISH = """update kernel.import_run set finished_at = $3, created = $4, changed = $5, unchanged = $6, refused = $7
 where tenant = $1 and id = $2"""


async def import_records(
    database: Database,
    resource: Resource[Any],
    rows: Iterable[Row],
    request: ImportRequest,
    context: Context,
    tell: Tell,
    *,
    unit: UnitOfWork | None = None,
) -> ImportReport:
    """Take over the rows; `tell` is called after each batch.

    unit  a unit of work in which all of it is to happen, the caller's; then nothing is noted of the run

    A record that is there is changed to what its row says, under its life cycle; what the server keeps (`href`,
    `lastUpdate`, the state) stays where the row is silent. A row without an id is a new record each time. A dry run holds
    the rows it would change locked until it ends. Raises Conflict when another run of the same file overtakes this one,
    and what the reading of the rows raises.
    """
    run = _Run(database, resource, request, context, tell, unit)
    await run.begin()
    wanted = (row for row in rows if row.line > run.resumed_after)
    async with run.units(), _ahead(_batches(run.ready(row) for row in wanted)) as batches:
        async for batch in batches:
            await run.take(batch)
        await run.take_waiting()
    await run.finish()
    return run.report


class _Ready(msgspec.Struct, frozen=True):
    """A row, and its record as it would be stored; None where the row is refused, or says only part of a record.

    silent  attributes of which the row says nothing and that stay as they are where the record is there
    """

    row: Row
    document: Document | None = None
    problem: TrunklineError | None = None
    silent: tuple[str, ...] = ()


class _DryRunEnds(Exception):
    """Takes back what a dry run did."""


class _Run:
    def __init__(
        self,
        database: Database,
        resource: Resource[Any],
        request: ImportRequest,
        context: Context,
        tell: Tell,
        unit: UnitOfWork | None,
    ) -> None:
        self._database = database
        self._resource = resource
        self._request = request
        self._context = context
        self._tell = tell
        self._id: str | None = None
        self._waiting: list[_Ready] = []
        self._problems: list[RowProblem] = []
        self._counts = dict.fromkeys(("created", "changed", "unchanged", "refused"), 0)
        self._lines_done = 0
        self._whole = unit
        kept = ("@type", "lastUpdate", resource.state_attribute)
        self._kept = tuple(name for name in kept if name is not None)
        self.resumed_after = 0

    @property
    def report(self) -> ImportReport:
        return ImportReport(**self._counts, resumed_after=self.resumed_after, dry_run=self._request.dry_run)

    async def begin(self) -> None:
        """Find where an earlier run of the same file was cut off, or note the beginning of this one."""
        request, context = self._request, self._context
        if request.sha256 is None or request.dry_run or self._whole is not None:
            return
        async with self._database.unit_of_work() as uow:
            found = await uow.fetch_row(_FIND, context.tenant, self._resource.relation, request.sha256)
            if found:
                self._id, self.resumed_after = found["id"], found["lines_done"]
                self._lines_done = self.resumed_after
                return
            self._id = new_id()
            where = (self._resource.relation, request.name, request.sha256, context.actor, context.now)
            await uow.execute(_BEGIN, context.tenant, self._id, *where)

    @asynccontextmanager
    async def units(self) -> AsyncIterator[None]:
        """For a dry run one unit of work around everything, which is rolled back."""
        if not self._request.dry_run or self._whole is not None:
            yield
            return
        try:
            async with self._database.unit_of_work() as uow:
                self._whole = uow
                yield
                raise _DryRunEnds
        except _DryRunEnds:
            self._whole = None

    def ready(self, row: Row) -> _Ready:
        """What can be done about a row without the database."""
        said = row.document
        if row.problem or said is None:
            return _Ready(row, problem=row.problem)
        if not row.whole:
            return _Ready(row)
        try:
            silent = tuple(name for name in self._kept if name not in said)
            return _Ready(row, self._resource.completed(said), silent=silent)
        except TrunklineError as problem:
            return _Ready(row, problem=problem)

    async def take(self, rows: list[_Ready]) -> None:
        """One batch and how far the file is after it, in one transaction."""
        async with self._unit() as uow:
            await self._divide(uow, rows, self._wait)
            done = min([rows[-1].row.line, *(ready.row.line - 1 for ready in self._waiting[:1])])
            if self._id is not None and done > self._lines_done:
                known = (self._context.tenant, self._id, self._lines_done)
                if not await uow.execute(_ADVANCE, *known, done):
                    raise Conflict(
                        "importedElsewhere",
                        f"{self._request.name} is being imported by someone else.",
                        message=f"This run ends after line {self._lines_done}; what it did is kept.",
                    )
                self._lines_done = done
        await self._say(rows[-1].row.line)

    async def take_waiting(self) -> None:
        """The rows that referred to what was not there yet, as long as any of them finds it."""
        while self._waiting:
            rows, self._waiting = self._waiting, []
            async for batch in _batches(rows):
                async with self._unit() as uow:
                    await self._divide(uow, batch, self._wait)
                await self._say(batch[-1].row.line)
            if len(self._waiting) == len(rows):
                break
        rows, self._waiting = self._waiting, []
        async for batch in _batches(rows):
            async with self._unit() as uow:
                await self._divide(uow, batch, self._refuse)
            await self._say(batch[-1].row.line)

    async def finish(self) -> None:
        """Note the end."""
        if self._id is not None:
            async with self._database.unit_of_work() as uow:
                counts = self._counts.values()
                await uow.execute(_FINISH, self._context.tenant, self._id, self._database.clock.now(), *counts)

    async def _say(self, line: int) -> None:
        problems, self._problems = self._problems, []
        await self._tell(Advance(self.report, line, problems))

    @asynccontextmanager
    async def _unit(self) -> AsyncIterator[UnitOfWork]:
        if self._whole is not None:
            yield self._whole
            return
        async with self._database.unit_of_work() as uow:
            yield uow

    async def _divide(
        self, uow: UnitOfWork, rows: list[_Ready], refused: Callable[[_Ready, TrunklineError], None]
    ) -> None:
        """Take the rows; where that is refused, each half of them by itself."""
        try:
            async with uow.savepoint():
                counts = await self._apply(uow, rows)
        except TrunklineError as error:
            if len(rows) == 1:
                refused(rows[0], error)
                return
            half = len(rows) // 2
            await self._divide(uow, rows[:half], refused)
            await self._divide(uow, rows[half:], refused)
        else:
            for name, number in counts.items():
                self._counts[name] += number

    async def _apply(self, uow: UnitOfWork, rows: list[_Ready]) -> dict[str, int]:
        counts = dict.fromkeys(("created", "changed", "unchanged"), 0)
        for part in _without_repeats(rows):
            await self._apply_part(uow, part, counts)
        return counts

    async def _apply_part(self, uow: UnitOfWork, rows: list[_Ready], counts: dict[str, int]) -> None:
        for ready in rows:
            if ready.problem:
                raise ready.problem
        ids = [id_ for ready in rows if (id_ := _id_of(ready)) is not None]
        stored = await self._resource.get_many(uow, ids, self._context)
        new = []
        for ready in rows:
            before = stored.get(_id_of(ready) or "")
            if before is None:
                new.append(ready.document or self._resource.completed(without_nulls(ready.row.document)))
            elif _edited(before, ready) == before:
                counts["unchanged"] += 1
            else:
                after = await self._resource.change(
                    uow, before["id"], partial(_edited, ready=ready), self._context, guard=self._guard
                )
                counts["unchanged" if after == before else "changed"] += 1
        if new:
            await self._resource.take_over(uow, new, self._context)
            counts["created"] += len(new)

    def _guard(self, before: Document, after: Document) -> None:
        if self._resource.life_cycle:
            self._resource.life_cycle.check_edit(self._resource.name, before, after)

    def _wait(self, ready: _Ready, error: TrunklineError) -> None:
        if error.code == "unknownReference" and len(self._waiting) < WAITING_MAX:
            self._waiting.append(ready)
        else:
            self._refuse(ready, error)

    def _refuse(self, ready: _Ready, error: TrunklineError) -> None:
        self._counts["refused"] += 1
        self._problems.append(RowProblem.of(ready.row, error))


def _edited(before: Document, ready: _Ready) -> Document:
    """The stored record as the row wants it. A link that was made elsewhere says nothing here."""
    after: Document
    if ready.document is None:
        after = without_nulls(before | (ready.row.document or {}))
    else:
        after = ready.document | {name: before[name] for name in ready.silent if name in before}
    return after | ({"href": before["href"]} if "href" in before else {})


def _id_of(ready: _Ready) -> str | None:
    id_ = (ready.document or ready.row.document or {}).get("id")
    return id_ if isinstance(id_, str) else None


async def _batches(rows: Iterable[_Ready]) -> AsyncIterator[list[_Ready]]:
    """The rows in batches. Others get their turn every few rows: what waits for PostgreSQL goes on meanwhile."""
    batch: list[_Ready] = []
    size = 0
    try:
        for ready in rows:
            batch.append(ready)
            size += len(ready.row.text)
            if len(batch) == BATCH_ROWS or size > BATCH_CHARACTERS:
                yield batch
                batch, size = [], 0
            elif len(batch) % _TURN == 0:
                await asyncio.sleep(0)
    except TrunklineError:  # the file cannot be read any further; what was read of it counts
        if batch:
            yield batch
        raise
    if batch:
        yield batch


@asynccontextmanager
async def _ahead(batches: AsyncIterator[list[_Ready]]) -> AsyncIterator[AsyncIterator[list[_Ready]]]:
    """The batches, each made ready while the one before it is stored. A thread for it took longer than none: the two
    wait for the interpreter's lock."""

    def more() -> asyncio.Task[list[_Ready] | None]:
        return asyncio.ensure_future(anext(batches, None))

    following = more()

    async def read() -> AsyncIterator[list[_Ready]]:
        nonlocal following
        while (batch := await following) is not None:
            following = more()
            yield batch

    try:
        yield read()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def _without_repeats(rows: list[_Ready]) -> Iterator[list[_Ready]]:
    """The rows in parts in which no id comes twice: a later row sees what an earlier one did."""
    part: list[_Ready] = []
    seen: set[str] = set()
    for ready in rows:
        id_ = _id_of(ready)
        if id_ is not None:
            if id_ in seen:
                yield part
                part, seen = [], set()
            seen.add(id_)
        part.append(ready)
    if part:
        yield part
