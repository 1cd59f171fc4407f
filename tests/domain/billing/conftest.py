"""A scene per test, each in its own tenant of the module's database."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.domain.billing.scene import Scene
from trunkline.kernel.db import Database


@pytest_asyncio.fixture
async def scene(database_dsn: str) -> AsyncIterator[Scene]:
    database = await Database.connect(database_dsn, max_size=8)
    made = Scene(database)
    await made.operator()
    yield made
    await database.close()
