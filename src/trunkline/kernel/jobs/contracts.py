"""What a job is, and what its handler is given."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database

if TYPE_CHECKING:
    from trunkline.kernel.jobs.run import JobRun


class JobState(StrEnum):
    """queued → running → completed, failed or cancelled."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A job as it is shown. `done` of `total`; `total` is None while it is not known."""

    id: str
    kind: str
    state: JobState
    done: int
    total: int | None
    message: str | None
    input: dict[str, Any]
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    cancel_requested: bool
    attempts: int
    actor: str
    correlation_id: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobCancelled(Exception):
    """A handler raises this when it has stopped because the job is to be cancelled; `JobRun.check` does it."""


Result = dict[str, Any] | None
JobHandler = Callable[["JobRun", Database, Context], Awaitable[Result]]
_J = TypeVar("_J", bound=JobHandler)


class JobActions:
    """Kinds of job → handlers; filled by the composition root."""

    def __init__(self) -> None:
        self.handlers: dict[str, JobHandler] = {}

    def job(self, kind: str) -> Callable[[_J], _J]:
        """Register the handler of a kind of job. It may run again from its last checkpoint when a worker is lost."""

        def register(handler: _J) -> _J:
            if kind in self.handlers:
                raise ValueError(f"two handlers are registered for jobs of the kind {kind!r}")
            self.handlers[kind] = handler
            return handler

        return register
