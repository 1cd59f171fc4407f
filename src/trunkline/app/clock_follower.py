"""A process keeps its clock with that of the installation."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg

from trunkline.kernel.db import Database
from trunkline.kernel.db.database import CLOCK_CHANNEL
from trunkline.kernel.errors import Unavailable

_AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, Unavailable)


@contextlib.asynccontextmanager
async def following_clock(database: Database) -> AsyncIterator[None]:
    """Keep this process's clock with the installation's: a move elsewhere is heard, a missed one is read again."""

    def heard(seconds: str) -> None:
        database.clock.set_offset(timedelta(seconds=float(seconds)))

    async def follow() -> None:
        while True:
            with contextlib.suppress(*_AWAY):  # the database may be away; the next round reads the offset again
                connection = await database.listen(CLOCK_CHANNEL, heard)
                try:
                    while not connection.is_closed():
                        await database.refresh_clock()
                        await asyncio.sleep(1)
                finally:
                    with contextlib.suppress(*_AWAY):
                        await connection.close(timeout=2)
            await asyncio.sleep(0.5)

    task = asyncio.create_task(follow())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
