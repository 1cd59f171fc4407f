"""What commands work with: the installation's database, and the context of a person at a terminal."""

import contextlib
import os
from collections.abc import AsyncIterator

from trunkline.app.processes import read_running
from trunkline.app.settings import Settings
from trunkline.kernel.clock import Clock
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.db.embedded import EmbeddedServer
from trunkline.kernel.ids import new_id


@contextlib.asynccontextmanager
async def open_database(settings: Settings | None = None) -> AsyncIterator[Database]:
    """The installation's database. An embedded server that does not run is started for the time of the command.

    Raises Invalid for wrong settings, Unavailable when PostgreSQL does not answer or cannot be started.
    """
    settings = settings or Settings.from_environment()
    with contextlib.ExitStack() as cleanup:
        dsn = settings.database_url
        if dsn is None:
            server = EmbeddedServer(settings.home)
            dsn = server.dsn
            if read_running(settings.home) is None:
                server.start()
                cleanup.callback(server.stop)
        database = await Database.connect(dsn, clock=Clock(), max_size=4)
        try:
            yield database
        finally:
            await database.close()


def command_context(database: Database, tenant: str | None = None, reason: str | None = None) -> Context:
    """The context of a command: who runs it on this machine may do everything in the installation it belongs to."""
    return Context(
        tenant=tenant or Settings.from_environment().tenant,
        actor=f"cli:{os.environ.get('USER') or os.getuid()}",
        channel="cli",
        now=database.clock.now(),
        correlation_id=new_id(),
        reason=reason,
        permissions=frozenset({"*"}),
    )
