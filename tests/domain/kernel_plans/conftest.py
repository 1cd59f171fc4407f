"""An empty migrated database per test."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio

from trunkline.kernel.db import Database

_TABLES = ("plan", "step", "step_dependency", "signal", "outbox")


@pytest_asyncio.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    found = await Database.connect(database_dsn, max_size=10)
    async with found.unit_of_work() as uow:
        await uow.execute(f"truncate {', '.join(f'kernel.{table}' for table in _TABLES)}")
        await uow.execute("update kernel.clock set clock_offset = $1", timedelta(0))
        await uow.execute("create table if not exists public.effect(key text not null, note text, at int)")
        await uow.execute("truncate public.effect")
    yield found
    await found.close()
