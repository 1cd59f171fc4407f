"""The pool and its edges: `unit_of_work()` commits, `read()` cannot write, `listen()` wakes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Self

import asyncpg

from trunkline.kernel.clock import Clock
from trunkline.kernel.db.session import ReadSession, Record
from trunkline.kernel.db.unit_of_work import UnitOfWork
from trunkline.kernel.errors import Unavailable

WAKE_CHANNEL = "trunkline_wake"
CLOCK_CHANNEL = "trunkline_clock"
_LOST = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError, OSError)


class Database:
    """One process's connections to the installation's PostgreSQL, with the installation's clock."""

    def __init__(self, pool: "asyncpg.Pool[Record]", clock: Clock, dsn: str) -> None:
        self._pool = pool
        self._wake_wanted = asyncio.Event()
        self._notifier: asyncio.Task[None] | None = None
        self.clock = clock
        self.dsn = dsn

    @classmethod
    async def connect(cls, dsn: str, *, clock: Clock | None = None, min_size: int = 1, max_size: int = 8) -> Self:
        """Open the pool and read the clock's offset. Raises Unavailable when the server does not answer."""
        clock = clock or Clock()
        try:
            pool = await asyncpg.create_pool(
                dsn,
                min_size=min_size,
                max_size=max_size,
                reset=_no_reset,
                statement_cache_size=1024,
                max_inactive_connection_lifetime=0,
                server_settings={"application_name": "trunkline", "lock_timeout": "10s", "timezone": "UTC"},
            )
        except _LOST as error:
            raise Unavailable(
                "databaseUnavailable", "PostgreSQL does not answer.", message=f"{error}. Nothing was done; try again."
            ) from error
        database = cls(pool, clock, dsn)
        await database.refresh_clock()
        return database

    async def refresh_clock(self) -> None:
        """Take over the stored clock offset, if the schema is there already."""
        async with self.read() as session:
            if await session.fetch_value("select to_regclass('kernel.clock') is not null"):
                offset = await session.fetch_value("select clock_offset from kernel.clock")
                if offset is not None:
                    self.clock.set_offset(offset)

    @contextlib.asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[UnitOfWork]:
        """One transaction; commits at the end of the block, rolls back on any exception."""
        async with self._connection() as connection, self._unit(connection) as uow:
            yield uow

    @contextlib.asynccontextmanager
    async def units_of_work(self) -> AsyncIterator[Callable[[], contextlib.AbstractAsyncContextManager[UnitOfWork]]]:
        """A maker of units of work that follow each other on one connection, for loops of many short ones: going to the
        pool for each would take a fifth of their time."""
        async with self._connection() as connection:
            yield lambda: self._unit(connection)

    async def at_once(self, sql: str, *args: Any) -> Sequence[Record]:
        """Run one statement as a transaction of its own and return its rows: one round trip instead of three. For what
        workers do all the time (claims, heartbeats); it writes no events and no audit."""
        async with self._connection() as connection:
            return await connection.fetch(sql, *args)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """A session for queries; each statement sees its own snapshot."""
        async with self._connection() as connection:
            yield ReadSession(connection)

    def wake(self) -> None:
        """Hint to all processes that there is work. Sent after the commit and coalesced: a NOTIFY inside the
        transaction would make commits wait for each other, and the hint may be lost, since workers also poll."""
        self._wake_wanted.set()
        if self._notifier is None or self._notifier.done():
            self._notifier = asyncio.create_task(self._notify())

    async def listen(self, channel: str, heard: Callable[[str], None]) -> "asyncpg.Connection[Record]":
        """A connection of its own that calls `heard(payload)` for each notification; the caller closes it."""
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.add_listener(channel, lambda _c, _pid, _channel, payload: heard(str(payload)))
        except BaseException:
            connection.terminate()  # also when we are cancelled here: nobody else knows of the connection yet
            raise
        return connection

    def pool_size(self) -> tuple[int, int]:
        """How many connections the pool holds, and how many of them are idle."""
        return self._pool.get_size(), self._pool.get_idle_size()

    async def close(self) -> None:
        if self._notifier is not None:
            self._notifier.cancel()
            await asyncio.gather(self._notifier, return_exceptions=True)
        try:
            await asyncio.wait_for(self._pool.close(), 5)
        except TimeoutError:
            self._pool.terminate()

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator["asyncpg.Connection[Record]"]:
        try:
            connection = await self._pool.acquire(timeout=10)
        except (*_LOST, TimeoutError) as error:
            raise Unavailable(
                "databaseUnavailable", "PostgreSQL does not answer.", message="Nothing was done; try again in a moment."
            ) from error
        try:
            with _told_when_lost(connection):
                yield connection  # type: ignore[misc]  # the pool's proxy behaves as the connection
        finally:
            with contextlib.suppress(*_LOST):
                await self._pool.release(connection)

    @contextlib.asynccontextmanager
    async def _unit(self, connection: "asyncpg.Connection[Record]") -> AsyncIterator[UnitOfWork]:
        uow = UnitOfWork(connection)
        with _told_when_lost(connection):
            try:
                yield uow
                await uow.finish()
            except BaseException:
                await _quietly(uow)
                raise
        if uow.published:
            self.wake()

    async def _notify(self) -> None:
        while self._wake_wanted.is_set():
            self._wake_wanted.clear()
            with contextlib.suppress(Unavailable, *_LOST):
                async with self.read() as session:
                    await session.fetch_value("select pg_notify($1, '')", WAKE_CHANNEL)
            await asyncio.sleep(0.005)


@contextlib.contextmanager
def _told_when_lost(connection: Any) -> Iterator[None]:
    """Unavailable for whatever asyncpg raises when the server ends the connection, at rest or in the middle."""
    try:
        yield
    except asyncpg.QueryCanceledError:
        raise  # a statement took too long; the connection lives
    except (
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
    ) as error:
        if isinstance(error, asyncpg.InterfaceError) and not _is_lost(connection):
            raise  # a mistake of ours in the call, not a lost connection
        with contextlib.suppress(asyncpg.InterfaceError):
            connection.terminate()
        raise Unavailable(
            "databaseUnavailable",
            "PostgreSQL went away.",
            message="Whether the last step was stored is not known; send it again with the same Idempotency-Key.",
        ) from error


def _is_lost(connection: Any) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True  # the pool has taken a dead connection back already, and its proxy answers nothing


async def _no_reset(_connection: object) -> None:
    """Session state is never set on pooled connections; a reset at each release made lists 1.3 × slower."""


async def _quietly(uow: UnitOfWork) -> None:
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
        await uow.abandon()
