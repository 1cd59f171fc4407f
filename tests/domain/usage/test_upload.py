"""A file sent over HTTP: taken at once, imported by a job, its bytes gone afterwards and its records there."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.domain.usage.conftest import DATA
from tests.support.installation import Installation, installation
from trunkline.adapters.cdr_files import api
from trunkline.kernel.jobs import JobActions, JobRunner
from trunkline.kernel.jobs import api as jobs_api

FILE = DATA / "cdr-stats" / "import_voipcall_report.txt"
PATH = "/trunkline/v1/usageImport"


async def send(running: Installation, content: bytes, **query: str) -> Any:
    headers = {"Content-Type": "application/octet-stream"}
    async with running.client() as client:
        return await client.post(PATH, content=content, params=query, headers=headers)


async def work(running: Installation, home: Path, job_id: str) -> dict[str, Any]:
    """Run the worker of jobs until the job has ended."""
    actions = JobActions()
    api.register(actions, home)
    stop = asyncio.Event()
    worker = asyncio.create_task(JobRunner(running.database, actions).run(stop))
    async with running.client() as client:
        for _ in range(400):
            job: dict[str, Any] = (await client.get(f"/trunkline/v1/job/{job_id}")).json()
            if job["state"] in ("completed", "failed"):
                break
            await asyncio.sleep(0.05)
    stop.set()
    await worker
    return job


async def test_a_file_is_taken_and_imported_by_a_job(database_dsn: str, tmp_path: Path) -> None:
    async with installation(database_dsn, [*api.endpoints(tmp_path), *jobs_api.endpoints()]) as running:
        content = FILE.read_bytes()
        for known in (0, 10):
            answer = await send(running, content, file="report.csv", mapping="voip-report-csv")
            assert answer.status_code == 202
            job = await work(running, tmp_path, answer.json()["id"])
            assert (job["state"], job["done"], job["total"]) == ("completed", len(content), len(content))
            assert job["result"]["alreadyKnown"] == known
            assert job["result"]["in"] == 10 - known
            assert answer.headers["location"] == f"/trunkline/v1/job/{job['id']}"
        async with running.database.read() as session:
            counted = await session.fetch(
                "select outcome, count(*) as n from usage.raw_record where tenant = $1 group by 1 order by 1",
                running.context.tenant,
            )
            left = await session.fetch_value("select count(*) from cdr_files.upload")
    assert {row["outcome"]: row["n"] for row in counted} == {"free": 6, "rejected": 1, "suspended": 3}
    assert left == 0


@pytest.mark.parametrize(
    ("query", "content", "code", "path"),
    [
        ({"file": "a", "mapping": "nope"}, b"x", "unknownMapping", "mapping"),
        ({"file": "a"}, b"x", "missingParameter", "mapping"),
        ({"mapping": "detail"}, b"x", "missingParameter", "file"),
        ({"file": "a" * 300, "mapping": "detail"}, b"x", "invalidFileName", "file"),
        ({"file": "a", "mapping": "detail", "zone": "Mars"}, b"x", "unknownTimeZone", "zone"),
        ({"file": "a", "mapping": "detail"}, b"", "emptyFile", "$"),
    ],
)
async def test_what_is_wrong_with_the_request_is_said_at_once(
    database_dsn: str, tmp_path: Path, query: dict[str, str], content: bytes, code: str, path: str
) -> None:
    async with installation(database_dsn, api.endpoints(tmp_path)) as running:
        answer = await send(running, content, **query)
        assert (answer.status_code, answer.json()["code"], answer.json()["path"]) == (400, code, path)
        async with running.client() as client:
            mappings = (await client.get("/trunkline/v1/usageMapping")).json()
    assert {"detail", "voice-csv"} <= mappings.keys()
