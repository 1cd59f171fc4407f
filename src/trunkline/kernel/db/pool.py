"""Connections of one process: taken in turn, given back, replaced when they are lost.

Ours rather than asyncpg's, which puts a proxy before each connection and takes it back in a task of its own: that was a
seventh of the processor time of a list over HTTP. No session state is ever set, so nothing is reset between two uses.
"""

import asyncio
import contextlib

from trunkline.kernel.db.connecting import LOST, Connection, connect, unavailable

TAKE_S = 10.0
CLOSE_S = 5.0


class Pool:
    """At most `size` connections, opened when they are first wanted. The one given back last is taken first: its server
    process has most in its memory."""

    def __init__(self, dsn: str, size: int) -> None:
        self._dsn = dsn
        self._free = asyncio.Semaphore(size)
        self._size = size
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._is_closed = False

    async def open(self, count: int) -> None:
        """Open the first connections. Raises Unavailable as `connect` does."""
        for _ in range(count):
            self._idle.append(await self._connect())

    async def take(self) -> Connection:
        """A connection for the caller alone, until it is given back. Raises Unavailable when there is none in 10 s."""
        if self._is_closed:
            raise unavailable("The connections to PostgreSQL are closed.")
        if self._free.locked():
            await self._wait()
        else:
            await self._free.acquire()
        try:
            connection = await self._next()
        except BaseException:
            self._free.release()
            raise
        self._busy.add(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        """End the caller's use. One that is lost, or whose transaction could not be ended, is let go."""
        self._busy.discard(connection)
        if connection.is_closed():
            pass
        elif connection.is_in_transaction() or self._is_closed:
            connection.terminate()
        else:
            self._idle.append(connection)
        self._free.release()

    def count(self) -> tuple[int, int]:
        """How many connections are open, and how many of them are idle."""
        return len(self._idle) + len(self._busy), len(self._idle)

    async def close(self) -> None:
        """Wait 5 s for the connections in use, then close all."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                for _ in range(self._size):
                    await self._free.acquire()
        self._is_closed = True
        for connection in list(self._busy):
            connection.terminate()
        for connection in self._idle:
            with contextlib.suppress(*LOST):
                await connection.close(timeout=1)
        self._idle.clear()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(TAKE_S):
                await self._free.acquire()
        except TimeoutError as error:
            raise unavailable("All connections to PostgreSQL are in use.") from error

    async def _next(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await self._connect()

    async def _connect(self) -> Connection:
        settings = {"application_name": "trunkline", "lock_timeout": "10s", "timezone": "UTC"}
        return await connect(self._dsn, statement_cache_size=1024, server_settings=settings)
