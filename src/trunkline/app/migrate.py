"""Bring a database to the newest schema. Safe to call from several processes at once: one migrates, the others wait."""

import asyncio
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from trunkline.app.schema import metadata
from trunkline.kernel.db.connecting import Connection as Opened
from trunkline.kernel.db.connecting import connect

_ADVISORY_KEY = 7_266_001


def upgrade(dsn: str) -> None:
    """Migrate to the head. Each migration is one transaction with a lock time-out of 4 s and a statement time-out of 10 min."""
    asyncio.run(_run(dsn, _upgrade))


def difference(dsn: str) -> list[Any]:
    """What autogenerate would still change; empty when migrations and table definitions agree."""
    found: list[Any] = []
    asyncio.run(_run(dsn, lambda connection: found.extend(_compare(connection))))
    return found


def heads() -> list[str]:
    """The heads of the chain; there must be one."""
    return list(ScriptDirectory.from_config(_config()).get_heads())


def current(dsn: str) -> str | None:
    """The revision the database is at, None when it was never migrated."""
    found: list[str | None] = []
    options = {"version_table": "migration"}
    asyncio.run(
        _run(
            dsn,
            lambda connection: found.append(
                MigrationContext.configure(connection, opts=options).get_current_revision()
            ),
        )
    )
    return found[0]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


async def _run(dsn: str, work: Any) -> None:
    given = await connect(dsn)  # not by the engine, which would wrap a refusal in its own words

    async def hand_over() -> Opened:
        return given

    engine: AsyncEngine = create_async_engine("postgresql+asyncpg://", async_creator=hand_over, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(work)
    finally:
        await engine.dispose()
        await given.close()


def _upgrade(connection: Connection) -> None:
    connection.execute(text("select pg_advisory_lock(:key)"), {"key": _ADVISORY_KEY})
    connection.execute(text("set lock_timeout = '4s'"))
    connection.execute(text("set statement_timeout = '10min'"))
    connection.commit()
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()


def _compare(connection: Connection) -> list[Any]:
    options = {
        "include_schemas": True,
        "version_table": "migration",
        "compare_type": True,
        "compare_server_default": False,
    }
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata()))
