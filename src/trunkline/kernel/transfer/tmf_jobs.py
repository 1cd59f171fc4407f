"""The import and export jobs of the catalog APIs (`importJob`, `exportJob` of TMF620, 633, 634, 662), carried out by workers.

`path` says which resource (`/productOffering`), `query` which of its records; without a path an export writes all of the
API's, and an import goes by `@type`. `url` is a file of this installation (`exchange`): what a request names elsewhere is
neither fetched nor written to.
"""

import io
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, UnitOfWork
from trunkline.kernel.errors import Invalid, TrunklineError, Unprocessable
from trunkline.kernel.jobs import JobActions, JobRun, create_job
from trunkline.kernel.tmf.document import Document
from trunkline.kernel.tmf.life_cycle import LifeCycle
from trunkline.kernel.tmf.normalise import instant_text
from trunkline.kernel.tmf.query import parse
from trunkline.kernel.tmf.resource import Resource
from trunkline.kernel.transfer.contracts import Advance, ImportReport, ImportRequest, Row, RowProblem
from trunkline.kernel.transfer.exchange import SIZE_MAX, address, get_file, has_file, name_of, put_file
from trunkline.kernel.transfer.exporting import export_lines
from trunkline.kernel.transfer.formats import MEDIA_TYPES, form_of_media, format_of, read_rows
from trunkline.kernel.transfer.importing import import_records
from trunkline.kernel.web.endpoint import forbidden, permits

AnyResource = Resource[Any]
KIND = "tmf_transfer"
TOLD_MAX = 100
"""Refused rows that an `errorLog` tells of."""

LIFE_CYCLE = LifeCycle(
    attribute="status",
    initial="Not Started",
    moves={"Not Started": {"Running", "Failed"}, "Running": {"Succeeded", "Failed"}},
    by_hand={},
)


class TransferApi:
    """What one API's jobs work on: `resources`, those that others refer to first."""

    def __init__(self, export_jobs: AnyResource, import_jobs: AnyResource, resources: Sequence[AnyResource]) -> None:
        self.export_jobs = export_jobs
        self.import_jobs = import_jobs
        self.resources = {resource.name: resource for resource in resources}
        for jobs in (export_jobs, import_jobs):
            jobs.prepare(self._complete)
            jobs.after_create(self._queue)

    @property
    def domain(self) -> str:
        """The domain whose API it is."""
        return self.export_jobs.domain

    def wanted(self, path: object) -> list[AnyResource]:
        """The resources that a job's `path` means. Raises Invalid for others than the API's."""
        if path is None:
            return list(self.resources.values())
        name = str(path).rstrip("/").rpartition("/")[2]
        if name not in self.resources:
            raise Invalid(
                "unknownPath",
                f"{str(path)[:80]!r} is no resource of this API that can be taken in or out.",
                path="$.path",
                allowed=[f"/{known}" for known in self.resources],
            )
        return [self.resources[name]]

    async def _complete(self, uow: UnitOfWork, job: Document, context: Context) -> None:
        """Check what can be known before the work, and who asks. Raises Invalid, Unprocessable, Forbidden."""
        is_import = self._is_import(job)
        name, resources = name_of(job.get("url")), self.wanted(job.get("path"))
        form = _form(job, name)
        if form == "csv" and len(resources) > 1:
            raise Invalid("missingPath", "A CSV file holds one resource: say which.", path="$.path")
        for resource in resources:
            for verb in ("create", "update") if is_import else ("read",):
                if not permits(context.permissions, f"{resource.name}:{verb}"):
                    raise forbidden(f"{resource.name}:{verb}")
        if is_import and not await has_file(uow, name, context):
            raise Unprocessable("unknownFile", f"There is no file {name}.", path="$.url")
        if not is_import:
            parse(job.get("query", ""))
        job |= {"creationDate": instant_text(context.now), "contentType": MEDIA_TYPES[form], "url": address(name)}
        for attribute in ("completionDate", "errorLog"):
            job.pop(attribute, None)

    def _is_import(self, job: Document) -> bool:
        return str(job["href"]).startswith(f"{self.import_jobs.base_path}/")

    async def _queue(self, uow: UnitOfWork, job: Document, context: Context) -> None:
        kind = "import" if self._is_import(job) else "export"
        await create_job(uow, KIND, {"domain": self.domain, "kind": kind, "id": job["id"]}, context)


def register(actions: JobActions, apis: Sequence[TransferApi]) -> None:
    """Register what carries the jobs out."""
    by_domain = {api.domain: api for api in apis}

    @actions.job(KIND)
    async def transfer(run: JobRun, database: Database, context: Context) -> dict[str, Any]:
        api = by_domain[run.input["domain"]]
        jobs, work = (api.import_jobs, _import) if run.input["kind"] == "import" else (api.export_jobs, _export)
        id_ = run.input["id"]
        async with database.unit_of_work() as uow:
            job = await jobs.lock(uow, id_, context)
            if not LIFE_CYCLE.moves.get(job["status"]):
                return {"status": job["status"]}  # a worker before this one came to its end
            await jobs.move(uow, id_, "Running", context)
        try:
            await work(api, job, run, database, context)
            outcome, told = "Succeeded", None
        except TrunklineError as error:
            outcome, told = "Failed", str(error)
        async with database.unit_of_work() as uow:
            end = {"completionDate": instant_text(database.clock.now()), **({"errorLog": told} if told else {})}
            await jobs.move(uow, id_, outcome, context, **end)
        return {"status": outcome}


async def _export(api: TransferApi, job: Document, run: JobRun, database: Database, context: Context) -> None:
    name, query = name_of(job["url"]), parse(job.get("query", ""))
    content = io.BytesIO()
    records = 0
    for resource in api.wanted(job.get("path")):
        async for lines in export_lines(database, resource, query, context, _form(job, name)):
            run.check()
            content.writelines(lines)
            records += len(lines)
            if content.tell() > SIZE_MAX:
                raise Unprocessable(
                    "tooLarge",
                    f"The export would be larger than {SIZE_MAX >> 20} MiB.",
                    message="No file was written. Ask for fewer records by `query`, or use `trunkline export`.",
                )
            await run.progress(records, None, resource.name)
    async with database.unit_of_work() as uow:
        await put_file(uow, name, job["contentType"], content.getvalue(), context)


async def _import(api: TransferApi, job: Document, run: JobRun, database: Database, context: Context) -> None:
    name, problems, reports = name_of(job["url"]), list[RowProblem](), list[ImportReport]()
    async with database.read() as session:
        content, _ = await get_file(session, name, context)

    async def tell(advance: Advance) -> None:
        problems.extend(advance.problems[: TOLD_MAX - len(problems)])
        run.check()
        await run.progress(advance.line, None, "lines")

    async for resource, rows in _parts(api, job, content, name):
        if resource is None:
            told = [row for row in rows if row.document is not None]
            reports.append(ImportReport(refused=len(told)))
            wrong = Invalid("unknownType", "Its @type is none that this API takes in.", path="$.@type")
            problems.extend([RowProblem.of(row, wrong) for row in told][: TOLD_MAX - len(problems)])
        else:
            reports.append(await import_records(database, resource, rows, ImportRequest(name=name), context, tell))
    refused = sum(report.refused for report in reports)
    if refused:
        listed = "\n".join(f"line {one.line}{f' {one.path}' if one.path else ''}: {one.reason}" for one in problems)
        taken = sum(report.read for report in reports) - refused
        raise Unprocessable("rowsRefused", f"{refused} rows were refused, {taken} taken in.", message=f"\n{listed}")


async def _parts(
    api: TransferApi, job: Document, content: bytes, name: str
) -> AsyncIterator[tuple[AnyResource | None, Iterator[Row]]]:
    """The file's rows, those of one resource after the other together."""
    wanted = api.wanted(job.get("path"))
    if len(wanted) == 1:
        yield wanted[0], read_rows(io.BytesIO(content), _form(job, name), wanted[0].entity)
        return
    by_type = {type_: one for one in wanted for type_ in (one.info.name, *one.info.subtypes)}

    def resource_of(row: Row) -> AnyResource | None:
        said = row.document or {}
        return by_type.get(said.get("@type", "")) or by_type.get(said.get("@baseType", ""))

    rows = read_rows(io.BytesIO(content), "ndjson", msgspec.Struct)
    for resource, part in groupby(rows, resource_of):
        yield resource, part


def _form(job: Document, name: str) -> str:
    media = job.get("contentType")
    return format_of(name) if media is None else form_of_media(media)
