"""Files of usage over HTTP: sent, imported by a job, looked at there."""

from pathlib import Path

from trunkline.adapters.cdr_files.importing import ImportFile, formats
from trunkline.adapters.cdr_files.jobs import KIND, register
from trunkline.kernel.errors import Invalid
from trunkline.kernel.ids import new_id
from trunkline.kernel.jobs import JobView, create_job, get_job
from trunkline.kernel.period import zone
from trunkline.kernel.web import Call, Endpoint, Parameter, Reply

__all__ = ["endpoints", "register"]

CONTENT_MAX = 64 << 20
NAME_MAX = 200


def endpoints(home: Path) -> list[Endpoint]:
    """The endpoints; declared mappings are ours and those in the installation's home."""
    files = _Files(home)
    return [
        Endpoint(
            "POST",
            "/trunkline/v1/usageImport",
            permission="usage:create",
            handler=files.take,
            summary="Import a file of usage: its bytes as body",
            request=bytes,
            response=JobView,
            tags=("TMF635",),
            parameters=(
                Parameter("file", "The file's name", required=True),
                Parameter("mapping", "What kind of file it is; GET usageMapping lists them", required=True),
                Parameter("zone", "Time zone of instants without one; UTC when not given"),
            ),
            size_max=CONTENT_MAX,
        ),
        Endpoint(
            "GET",
            "/trunkline/v1/usageMapping",
            permission="usage:read",
            handler=files.mappings,
            summary="The kinds of file that can be imported, name → title",
            response=dict[str, str],
            tags=("TMF635",),
        ),
    ]


class _Files:
    def __init__(self, home: Path) -> None:
        self._home = home

    async def take(self, call: Call) -> Reply:
        """202 with the job that imports the file. What is wrong with the request is said at once; what is wrong with
        lines, by the job's result and in the suspense list."""
        request = ImportFile(
            name=call.query.required("file"), mapping=call.query.required("mapping"), zone=call.query.get("zone", "UTC")
        )
        self._check(request, call.content)
        upload_id = new_id()
        async with call.unit_of_work() as uow:
            await uow.execute(
                """insert into cdr_files.upload(tenant, id, name, mapping, zone, content, received_at)
                   values ($1, $2, $3, $4, $5, $6, $7)""",
                call.context.tenant,
                upload_id,
                request.name,
                request.mapping,
                request.zone,
                call.content,
                call.context.now,
            )
            given = {"uploadId": upload_id, "file": request.name, "mapping": request.mapping}
            job_id = await create_job(uow, KIND, given, call.context)
            job = await get_job(uow, job_id, call.context)
        return Reply(202, job, headers={"Location": f"/trunkline/v1/job/{job_id}"})

    async def mappings(self, _call: Call) -> Reply:
        return Reply(200, formats(self._home))

    def _check(self, request: ImportFile, content: bytes) -> None:
        if not 1 <= len(request.name) <= NAME_MAX:
            raise Invalid("invalidFileName", f"A file's name has 1 to {NAME_MAX} characters.", path="file")
        known = formats(self._home)
        if request.mapping not in known:
            raise Invalid(
                "unknownMapping", f"There is no mapping {request.mapping!r}.", path="mapping", allowed=sorted(known)
            )
        zone(request.zone, "zone")
        if not content:
            raise Invalid("emptyFile", "The body is empty; it is the file.", path="$")
