"""Commands and queries on jobs: create, look, list, cancel."""

from collections.abc import Sequence
from typing import Any

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, ReadSession, Record, UnitOfWork
from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.ids import new_id
from trunkline.kernel.jobs.contracts import JobState, JobView

INPUT_SIZE_MAX = 256 * 1024
PAGE_MAX = 500

_CREATE = """insert into kernel.job
 (tenant, id, kind, state, done, input, cancel_requested, attempts, actor, correlation_id, reason, created_at)
 values ($1, $2, $3, 'queued', 0, $4, false, 0, $5, $6, $7, $8)"""

_LIST = """select * from kernel.job
 where tenant = $1 and ($2::text is null or kind = $2) and ($3::text is null or state = $3)
 order by id desc limit $4"""

_CANCEL = """update kernel.job set cancel_requested = true,
   state = case when state = 'queued' then 'cancelled' else state end,
   finished_at = case when state = 'queued' then $3 else finished_at end
 where tenant = $1 and id = $2 and state in ('queued', 'running') returning *"""


async def create_job(uow: UnitOfWork, kind: str, input: dict[str, Any], context: Context) -> str:  # noqa: A002  # the job's own word
    """Queue a job of a registered kind; it starts when this unit of work commits. Returns its id.

    Raises Invalid for input that is not JSON or larger than 256 KiB.
    """
    try:
        text = msgspec.json.encode(input).decode()
    except (TypeError, ValueError) as error:
        raise Invalid("notJson", "This cannot be stored as JSON.", message=str(error), path="$.input") from error
    if len(text) > INPUT_SIZE_MAX:
        raise Invalid("jsonSize", f"A job's input has at most {INPUT_SIZE_MAX} bytes.", path="$.input")
    job_id = new_id()
    await uow.execute(
        _CREATE,
        context.tenant,
        job_id,
        kind,
        text,
        context.actor,
        context.correlation_id,
        context.reason,
        context.now,
    )
    uow.wake()
    return job_id


async def get_job(session: ReadSession, job_id: str, context: Context) -> JobView:
    """The job as it is now. Raises NotFound."""
    row = await session.fetch_row("select * from kernel.job where tenant = $1 and id = $2", context.tenant, job_id)
    if row is None:
        raise _unknown(job_id)
    return _view(row)


async def list_jobs(
    session: ReadSession, context: Context, *, kind: str | None = None, state: str | None = None, limit: int = 100
) -> Sequence[JobView]:
    """Jobs, newest first, of one kind or state where given."""
    rows = await session.fetch(_LIST, context.tenant, kind, state, min(limit, PAGE_MAX))
    return [_view(row) for row in rows]


async def cancel_job(uow: UnitOfWork, job_id: str, context: Context) -> JobView:
    """Cancel a job: a queued one at once; a running one is asked to stop and shows `cancel_requested` until it has.

    Cancelling twice changes nothing. Raises NotFound, Conflict (jobEnded) for a completed or failed one.
    """
    row = await uow.fetch_row(_CANCEL, context.tenant, job_id, context.now)
    if row is None:
        job = await get_job(uow, job_id, context)
        if job.state != JobState.CANCELLED:
            raise Conflict("jobEnded", f"Job {job_id} is {job.state}.", allowed=(JobState.QUEUED, JobState.RUNNING))
        return job
    uow.audit(AuditEntry.of(context, "cancel", "job", job_id, after={"state": row["state"], "cancelRequested": True}))
    uow.wake()
    return _view(row)


def _view(row: Record) -> JobView:
    values: dict[str, Any] = {name: row[name] for name in JobView.__struct_fields__}
    for name in ("input", "result", "error"):
        values[name] = None if row[name] is None else msgspec.json.decode(row[name])
    return JobView(**{**values, "state": JobState(row["state"])})


def _unknown(job_id: str) -> NotFound:
    return NotFound("unknownJob", "There is no such job.", message=f"No job {job_id}.", path="$.id")
