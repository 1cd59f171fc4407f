"""An empty migrated database per test, with a table for effects."""

from collections.abc import AsyncIterator

import pytest_asyncio

from trunkline.kernel.db import Database


@pytest_asyncio.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    found = await Database.connect(database_dsn, max_size=12)
    async with found.unit_of_work() as uow:
        await uow.execute("truncate kernel.idempotency")
        await uow.execute("create table if not exists public.effect(note text not null)")
        await uow.execute("truncate public.effect")
    yield found
    await found.close()
