"""Reading: a session that has no means to write."""

from collections.abc import Sequence
from typing import Any

import asyncpg

Record = asyncpg.Record


class ReadSession:
    """Queries on one connection. SQL is ours, values are always parameters ($1 …)."""

    def __init__(self, connection: "asyncpg.Connection[Record]") -> None:
        self._connection = connection

    async def fetch(self, sql: str, *args: Any) -> Sequence[Record]:
        """All rows."""
        return await self._connection.fetch(sql, *args)

    async def fetch_row(self, sql: str, *args: Any) -> Record | None:
        """The first row, or None."""
        return await self._connection.fetchrow(sql, *args)

    async def fetch_value(self, sql: str, *args: Any) -> Any:
        """The first column of the first row, or None."""
        return await self._connection.fetchval(sql, *args)

    def end(self) -> None:
        """Called by the edge when the block ends: the connection may be somebody else's from now on."""
        del self._connection
