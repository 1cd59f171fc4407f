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

    async def look() -> None:
        while True:
            with contextlib.suppress(*_AWAY):  # the database may be away; the next round reads the offset again
                await database.refresh_clock()
            await asyncio.sleep(1)

    tasks = [asyncio.create_task(look()), asyncio.create_task(database.listening({CLOCK_CHANNEL: heard}, _nothing))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _nothing() -> None:
    """A move that was missed is read within a second."""
