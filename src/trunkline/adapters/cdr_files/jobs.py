"""The job that imports a file that was sent over HTTP."""

import io
from pathlib import Path
from typing import Any

from trunkline.adapters.cdr_files.importing import Advance, ImportFile, import_file
from trunkline.bss.usage.contracts import ImportReport
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import NotFound
from trunkline.kernel.jobs import JobActions, JobRun

KIND = "usageImport"


def register(actions: JobActions, home: Path) -> None:
    """Give the worker the handler; `home` holds the installation's own mappings."""

    @actions.job(KIND)
    async def import_upload(run: JobRun, database: Database, context: Context) -> dict[str, Any]:
        """Import the file; begun again after a crash, it goes on with what was not stored yet."""
        async with database.read() as session:
            row = await session.fetch_row(
                "select name, mapping, zone, content from cdr_files.upload where tenant = $1 and id = $2",
                context.tenant,
                run.input["uploadId"],
            )
        if row is None:
            raise NotFound("unknownUpload", "The file is not there any more.", hint="Send it again.")

        async def progress(advance: Advance) -> None:
            await run.progress(advance.octets, advance.octets_total, f"{advance.records} records")

        request = ImportFile(name=row["name"], mapping=row["mapping"], zone=row["zone"])
        report = await import_file(database, io.BytesIO(row["content"]), request, home, context, progress)
        async with database.unit_of_work() as uow:
            await uow.execute(
                "delete from cdr_files.upload where tenant = $1 and id = $2", context.tenant, run.input["uploadId"]
            )
        return as_result(report)


def as_result(report: ImportReport) -> dict[str, Any]:
    """The report as people and programs read it: `in` is what was new, and equals the sum of the four outcomes."""
    counts = report.counts
    return {
        "batchId": report.batch_id,
        "file": report.name,
        "in": counts.records_in,
        "rated": counts.rated,
        "free": counts.free,
        "suspended": counts.suspended,
        "rejected": counts.rejected,
        "alreadyKnown": counts.known,
        "suspendedByReason": report.suspended_by_reason,
        "rejectedByReason": report.rejected_by_reason,
    }
