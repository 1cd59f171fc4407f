"""One attempt at a job, as its handler sees it."""

import time
from datetime import timedelta
from typing import Any

import msgspec

from trunkline.kernel.db import Database, Record, UnitOfWork
from trunkline.kernel.jobs.contracts import JobCancelled

LEASE = timedelta(seconds=2)
REPORT_INTERVAL = 0.2

_REPORT = """update kernel.job set done = $5, total = $6, message = $7, lease_until = clock_timestamp() + $8
 where tenant = $1 and id = $2 and state = 'running' and lease_holder = $3 and attempts = $4
 returning cancel_requested"""

_CHECKPOINT = """update kernel.job set checkpoint = $5, done = $6, total = $7, message = $8
 where tenant = $1 and id = $2 and state = 'running' and lease_holder = $3 and attempts = $4
 returning cancel_requested"""


class JobLost(Exception):
    """Another worker has taken the job: stop at once, and roll back what is not committed."""


class JobRun:
    """What a handler is given.

    input       as it was created with
    checkpoint  what the last `save` stored, in this attempt or in one that was lost; None at the beginning
    attempt     1 for the first
    """

    def __init__(self, database: Database, row: Record, holder: str) -> None:
        self._database = database
        self._holder = holder
        self._reported_at = 0.0
        self.tenant: str = row["tenant"]
        self.id: str = row["id"]
        self.kind: str = row["kind"]
        self.input: dict[str, Any] = msgspec.json.decode(row["input"])
        self.checkpoint: Any = None if row["checkpoint"] is None else msgspec.json.decode(row["checkpoint"])
        self.attempt: int = row["attempts"]
        self.done: int = row["done"]
        self.total: int | None = row["total"]
        self.message: str | None = row["message"]
        self.cancelled: bool = row["cancel_requested"]
        """Whether the job is to be cancelled; follows within half a second."""

    async def progress(self, done: int, total: int | None = None, message: str | None = None) -> None:
        """Show how far it is. Cheap to call often: at most five times a second reach the database, and the last one.

        Raises JobLost when another worker has taken the job.
        """
        self.done, self.total, self.message = done, total, message
        now = time.monotonic()
        if done != total and now - self._reported_at < REPORT_INTERVAL:
            return
        self._reported_at = now
        async with self._database.unit_of_work() as uow:
            found = await uow.fetch_row(_REPORT, *self._held(), done, total, message, LEASE)
        self._heard(found)

    async def save(self, uow: UnitOfWork, checkpoint: Any) -> None:
        """Store, in the handler's own transaction, from where to go on: the work and its checkpoint commit together, so
        that no part of it is done twice. Raises JobLost when another worker has taken the job."""
        text = msgspec.json.encode(checkpoint).decode()
        found = await uow.fetch_row(_CHECKPOINT, *self._held(), text, self.done, self.total, self.message)
        self._heard(found)
        self.checkpoint = checkpoint

    def check(self) -> None:
        """Raise JobCancelled when the job is to be cancelled; for places where stopping leaves things whole."""
        if self.cancelled:
            raise JobCancelled

    def _held(self) -> tuple[str, str, str, int]:
        return self.tenant, self.id, self._holder, self.attempt

    def _heard(self, row: Record | None) -> None:
        if row is None:
            raise JobLost
        self.cancelled = self.cancelled or bool(row["cancel_requested"])
