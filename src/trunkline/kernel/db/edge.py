"""The edges of a connection's use: where a session begins and ends, where a transaction is committed or rolled back, and
where the loss of the server becomes our error.

Classes and not generators: each request and each step of a plan goes through one or two of them.
"""

import contextlib
from collections.abc import Callable

import asyncpg

from trunkline.kernel.db.connecting import Connection, unavailable
from trunkline.kernel.db.pool import Pool
from trunkline.kernel.db.session import ReadSession
from trunkline.kernel.db.unit_of_work import UnitOfWork

_LOSS = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


class Reading:
    """A connection for the length of a block, to read from."""

    __slots__ = ("_connection", "_pool", "_session")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> ReadSession:
        self._connection = await self._pool.take()
        self._session = ReadSession(self._connection)
        return self._session

    async def __aexit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        self._session.end()
        try:
            _tell_loss(self._connection, error)
        finally:
            self._pool.give_back(self._connection)


class Unit:
    """One unit of work: committed at the end of the block or rolled back; then the workers are woken, if it made work.

    given  the connection to run on, which stays the caller's; without one it takes one from the pool
    """

    __slots__ = ("_connection", "_given", "_pool", "_uow", "_wake")

    def __init__(self, pool: Pool, wake: Callable[[], None], given: Connection | None = None) -> None:
        self._pool = pool
        self._wake = wake
        self._given = given

    async def __aenter__(self) -> UnitOfWork:
        self._connection = self._given or await self._pool.take()
        self._uow = UnitOfWork(self._connection)
        return self._uow

    async def __aexit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        try:
            if error is None:
                await self._finish()
            else:
                await self._abandon(error)
        finally:
            self._uow.end()
            if self._given is None:
                self._pool.give_back(self._connection)

    async def _finish(self) -> None:
        try:
            await self._uow.finish()
        except BaseException as error:
            await self._abandon(error)
            raise
        if self._uow.published:
            self._wake()

    async def _abandon(self, error: BaseException) -> None:
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
            await self._uow.abandon()
        _tell_loss(self._connection, error)


class OnOneConnection:
    """A maker of units of work that follow each other on one connection."""

    __slots__ = ("_connection", "_pool", "_wake")

    def __init__(self, pool: Pool, wake: Callable[[], None]) -> None:
        self._pool = pool
        self._wake = wake

    async def __aenter__(self) -> Callable[[], Unit]:
        self._connection = await self._pool.take()
        return lambda: Unit(self._pool, self._wake, self._connection)

    async def __aexit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        self._pool.give_back(self._connection)


def _tell_loss(connection: Connection, error: BaseException | None) -> None:
    """Raise Unavailable for whatever asyncpg raises when the server ends the connection, at rest or in the middle."""
    if not isinstance(error, _LOSS) or isinstance(error, asyncpg.QueryCanceledError):
        return  # a statement that took too long does not end the connection
    if isinstance(error, asyncpg.InterfaceError) and not connection.is_closed():
        return  # a mistake of ours in the call, not a lost connection
    connection.terminate()
    raise unavailable(
        "PostgreSQL went away.",
        "Whether the last step was stored is not known; send it again with the same Idempotency-Key.",
    ) from error
