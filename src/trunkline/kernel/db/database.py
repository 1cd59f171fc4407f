"""The installation's PostgreSQL for one process: `unit_of_work()` commits, `read()` cannot write, `listening()`
hears."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from typing import Any, Self

import asyncpg

from trunkline.kernel.clock import Clock
from trunkline.kernel.db.connecting import LOST, connect
from trunkline.kernel.db.edge import OnOneConnection, Reading, Unit
from trunkline.kernel.db.pool import Pool
from trunkline.kernel.db.session import ReadSession, Record
from trunkline.kernel.db.unit_of_work import OpenUnit, UnitOfWork
from trunkline.kernel.errors import Unavailable

WAKE_CHANNEL = "trunkline_wake"
CLOCK_CHANNEL = "trunkline_clock"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


class Database:
    """One process's connections to the installation's PostgreSQL, with the installation's clock."""

    def __init__(self, pool: Pool, clock: Clock, dsn: str) -> None:
        self._pool = pool
        self._wake_wanted = asyncio.Event()
        self._notifier: asyncio.Task[None] | None = None
        self.clock = clock
        self.dsn = dsn

    @classmethod
    async def connect(cls, dsn: str, *, clock: Clock | None = None, min_size: int = 1, max_size: int = 8) -> Self:
        """Open the pool and read the clock's offset. Raises Unavailable as `connecting.connect` does."""
        pool = Pool(dsn, max_size)
        await pool.open(min_size)
        database = cls(pool, clock or Clock(), dsn)
        await database.refresh_clock()
        return database

    async def refresh_clock(self) -> None:
        """Take over the stored clock offset, if the schema is there already."""
        async with self.read() as session:
            if await session.fetch_value("select to_regclass('kernel.clock') is not null"):
                offset = await session.fetch_value("select clock_offset from kernel.clock")
                if offset is not None:
                    self.clock.set_offset(offset)

    def unit_of_work(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """One transaction; commits at the end of the block, rolls back on any exception."""
        return Unit(self._pool, self.wake)

    def units_of_work(self) -> AbstractAsyncContextManager[OpenUnit]:
        """A maker of units of work that follow each other on one connection, for loops of many short ones."""
        return OnOneConnection(self._pool, self.wake)

    async def at_once(self, sql: str, *args: Any) -> Sequence[Record]:
        """Run one statement as a transaction of its own and return its rows: one round trip instead of three. For what
        workers do all the time (claims, heartbeats); it writes no events and no audit."""
        async with self.read() as session:
            return await session.fetch(sql, *args)

    def read(self) -> AbstractAsyncContextManager[ReadSession]:
        """A session for queries; each statement sees its own snapshot."""
        return Reading(self._pool)

    def wake(self) -> None:
        """Hint to all processes that there is work. Sent after the commit and coalesced: a NOTIFY inside the
        transaction would make commits wait for each other, and the hint may be lost, since workers also poll."""
        self._wake_wanted.set()
        if self._notifier is None or self._notifier.done():
            self._notifier = asyncio.create_task(self._notify())

    @contextlib.asynccontextmanager
    async def alone(self, what: str) -> AsyncIterator[None]:
        """Be the only one in the installation, in any process, that does this; others wait for it, at most as long as for
        any lock. No transaction is open meanwhile. For devices that are read, changed and set as a whole."""
        key = int.from_bytes(sha256(what.encode()).digest()[:8], "big", signed=True)
        async with self.read() as session:
            await session.fetch_value("select pg_advisory_lock($1)", key)
            try:
                yield
            finally:
                await session.fetch_value("select pg_advisory_unlock($1)", key)

    async def listening(
        self,
        channels: Mapping[str, Callable[[str], None]],
        connected: Callable[[], None],
        lost: Callable[[], None] | None = None,
    ) -> None:
        """Keep a connection that hears these channels, until cancelled; outlives the loss of the server.

        channels   name → what is called with each notification's payload
        connected  called whenever the connection was made: something may have been said while there was none
        lost       called when it is gone
        """
        pause = _FIRST_PAUSE
        while True:
            with contextlib.suppress(Unavailable, asyncpg.PostgresError, *LOST):
                connection, gone = await connect(self.dsn), asyncio.Event()
                try:
                    connection.add_termination_listener(lambda _connection, gone=gone: gone.set())
                    for channel, heard in channels.items():
                        await connection.add_listener(channel, _calling(heard))
                    connected()
                    pause = _FIRST_PAUSE
                    await gone.wait()
                finally:
                    connection.terminate()
                    if lost is not None:
                        lost()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def pool_size(self) -> tuple[int, int]:
        """How many connections the pool holds, and how many of them are idle."""
        return self._pool.count()

    async def close(self) -> None:
        if self._notifier is not None:
            self._notifier.cancel()
            await asyncio.gather(self._notifier, return_exceptions=True)
        await self._pool.close()

    async def _notify(self) -> None:
        while self._wake_wanted.is_set():
            self._wake_wanted.clear()
            with contextlib.suppress(Unavailable, *LOST):
                async with self.read() as session:
                    await session.fetch_value("select pg_notify($1, '')", WAKE_CHANNEL)
            await asyncio.sleep(0.005)


def _calling(heard: Callable[[str], None]) -> Callable[..., None]:
    return lambda _connection, _pid, _channel, payload: heard(str(payload))
