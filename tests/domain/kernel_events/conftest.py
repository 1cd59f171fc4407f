"""A migrated database with the effect table, per test."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.domain.kernel_events.scene import make_effects
from trunkline.kernel.db import Database


@pytest_asyncio.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    found = await Database.connect(database_dsn, max_size=8)
    async with found.unit_of_work() as uow:
        for table in ("outbox", "event_log", "delivery", "inbox", "hub_subscription"):
            await uow.execute(f"truncate kernel.{table}")
        await uow.execute("drop schema if exists proof cascade")
    await make_effects(found)
    yield found
    await found.close()
