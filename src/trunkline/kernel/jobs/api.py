"""Jobs over HTTP: list, look, cancel. Jobs are created by the endpoints of the domains that own the work."""

from trunkline.kernel.errors import Invalid
from trunkline.kernel.jobs.contracts import JobState, JobView
from trunkline.kernel.jobs.facade import PAGE_MAX, cancel_job, get_job, list_jobs
from trunkline.kernel.web import Call, Endpoint, Parameter, Reply

_JOBS = "/trunkline/v1/job"
_JOB = f"{_JOBS}/{{id}}"
_TAGS = ("jobs",)


def endpoints() -> list[Endpoint]:
    """The endpoints of jobs."""
    return [
        Endpoint(
            "GET",
            _JOBS,
            permission="job:read",
            handler=_list,
            summary="Jobs, newest first; by kind and state",
            response=list[JobView],
            tags=_TAGS,
            parameters=(
                Parameter("kind", "Only of this kind, as bill_run"),
                Parameter("state", "Only in this state"),
                Parameter("limit", "At most so many", "integer"),
            ),
        ),
        Endpoint("GET", _JOB, permission="job:read", handler=_show, summary="A job", response=JobView, tags=_TAGS),
        Endpoint(
            "POST",
            f"{_JOB}/cancel",
            permission="job:cancel",
            handler=_cancel,
            summary="Cancel a job",
            response=JobView,
            tags=_TAGS,
        ),
    ]


async def _list(call: Call) -> Reply:
    state = call.query.get("state")
    if state is not None and state not in set(JobState):
        raise Invalid("invalidParameter", f"There is no job state {state!r}.", path="state", allowed=tuple(JobState))
    limit = call.query.integer("limit", 100, 1, PAGE_MAX)
    async with call.database.read() as session:
        return Reply(200, await list_jobs(session, call.context, kind=call.query.get("kind"), state=state, limit=limit))


async def _show(call: Call) -> Reply:
    async with call.database.read() as session:
        return Reply(200, await get_job(session, call.path["id"], call.context))


async def _cancel(call: Call) -> Reply:
    async with call.unit_of_work() as uow:
        return Reply(200, await cancel_job(uow, call.path["id"], call.context))
