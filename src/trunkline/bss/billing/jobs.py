"""A bill run as a job: it goes on after a lost worker, and stops between two accounts when it is cancelled."""

from typing import Any

import msgspec

from trunkline.bss.billing.contracts import JOB_KIND, RunBills
from trunkline.bss.billing.facade import break_off, run_bills
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import Unavailable
from trunkline.kernel.jobs import JobActions, JobCancelled, JobLost, JobRun


def register(actions: JobActions) -> None:
    """Register the kinds of job of this domain."""
    actions.job(JOB_KIND)(run)


async def run(job: JobRun, database: Database, context: Context) -> dict[str, Any]:
    """Carry out a bill run; the job's id is the run's. The result is the run as GET billRun shows it."""

    async def progress(done: int, total: int | None) -> None:
        await job.progress(done, total, "accounts")
        job.check()

    command = msgspec.convert(job.input, RunBills)
    try:
        view = await run_bills(database, job.id, command, context, progress)
    except (JobLost, Unavailable):
        raise  # another worker goes on with it
    except Exception as error:
        await break_off(database, job.id, "cancelled" if isinstance(error, JobCancelled) else "failed", context)
        raise
    shown: dict[str, Any] = msgspec.to_builtins(view)
    return shown
