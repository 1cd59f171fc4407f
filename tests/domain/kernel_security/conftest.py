"""An installation with a tenant of its own for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.support.installation import Installation, installation


@pytest.fixture
async def served(database_dsn: str) -> AsyncIterator[Installation]:
    async with installation(database_dsn) as found:
        yield found
