"""Jobs: long work with progress. See the README beside this file."""

from trunkline.kernel.jobs.contracts import JobActions, JobCancelled, JobState, JobView
from trunkline.kernel.jobs.facade import cancel_job, create_job, get_job, list_jobs
from trunkline.kernel.jobs.run import JobLost, JobRun
from trunkline.kernel.jobs.runner import JobRunner

__all__ = [
    "JobActions",
    "JobCancelled",
    "JobLost",
    "JobRun",
    "JobRunner",
    "JobState",
    "JobView",
    "cancel_job",
    "create_job",
    "get_job",
    "list_jobs",
]
