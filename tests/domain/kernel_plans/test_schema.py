"""Migrations and table definitions of plans, jobs and idempotency keys say the same."""

import asyncio

from trunkline.app.migrate import difference

OURS = {"plan", "step", "step_dependency", "signal", "job", "idempotency"}


async def test_the_tables_are_as_defined(database_dsn: str) -> None:
    found = await asyncio.to_thread(difference, database_dsn)
    assert [change for change in found if any(name in str(change) for name in OURS)] == []
