"""Import and export jobs of the catalog APIs, as clients use them, with a worker beside the server."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.installation import Installation
from trunkline.app import wiring
from trunkline.app.settings import Settings
from trunkline.kernel.jobs import JobRunner

V5, V4 = "/tmf-api/productCatalogManagement/v5", "/tmf-api/productCatalogManagement/v4"
EXCHANGE = "/trunkline/v1/exchange"


@contextlib.asynccontextmanager
async def worker(at: Installation, home: Path) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(JobRunner(at.database, wiring.job_actions(Settings(home=home))).run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


@pytest.fixture
async def client(at: Installation, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with at.client() as opened, worker(at, tmp_path):
        yield opened


async def put(client: httpx.AsyncClient, name: str, *rows: Any) -> str:
    content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    headers = {"Content-Type": "application/octet-stream"}
    answer = await client.post(EXCHANGE, params={"file": name}, content=content, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


async def ended(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The job at its end."""
    made = await client.post(path, json=body)
    assert made.status_code == 201, made.text
    assert made.json()["status"] == "Not Started"
    for _ in range(400):
        job: dict[str, Any] = (await client.get(made.headers["location"])).json()
        if job["status"] in ("Succeeded", "Failed"):
            return job
        await asyncio.sleep(0.05)
    raise AssertionError(job)


async def test_what_one_job_writes_another_takes_in(client: httpx.AsyncClient) -> None:
    for name in ("One", "Two"):
        offering = {"@type": "ProductOffering", "name": name, "lifecycleStatus": "Active"}
        assert (await client.post(f"{V5}/productOffering", json=offering)).status_code == 201
    url = f"{EXCHANGE}/offerings.ndjson"
    job = await ended(
        client, f"{V5}/exportJob", {"@type": "ExportJob", "url": url, "path": "/productOffering", "query": "name=One"}
    )
    assert (job["status"], job["contentType"], job["url"]) == ("Succeeded", "application/x-ndjson", url)
    assert job["completionDate"] >= job["creationDate"]
    fetched = await client.get(url)
    assert fetched.headers["content-type"] == "application/x-ndjson"
    (row,) = [json.loads(line) for line in fetched.text.splitlines()]
    assert row["name"] == "One"
    assert (await client.delete(f"{V5}/productOffering/{row['id']}")).status_code == 204
    job = await ended(client, f"{V4}/importJob", {"url": url, "path": "/productOffering"})
    assert job["status"] == "Succeeded"
    again = (await client.get(f"{V5}/productOffering/{row['id']}")).json()
    assert again == row
    listed = (await client.get(EXCHANGE)).json()
    assert [(file["name"], file["octets"]) for file in listed] == [("offerings.ndjson", len(fetched.content))]
    assert (await client.delete(url)).status_code == 204
    assert (await client.get(url)).status_code == 404


async def test_without_a_path_a_job_is_of_the_whole_catalog(client: httpx.AsyncClient) -> None:
    specification = {"id": "ps", "@type": "ProductSpecification", "name": "Internet"}
    offering = {
        "id": "po",
        "@type": "ProductOffering",
        "name": "Fibre",
        "productSpecification": {"id": "ps", "@type": "ProductSpecificationRef"},
    }
    url = await put(client, "whole.ndjson", offering, specification, {"id": "x", "@type": "Odd"})
    job = await ended(client, f"{V5}/importJob", {"@type": "ImportJob", "url": url})
    assert job["status"] == "Failed"
    assert job["errorLog"].splitlines() == [
        "2 rows were refused, 1 taken in. ",
        "line 1 $.productSpecification.id: There is no productSpecification ps.",
        "line 3 $.@type: Its @type is none that this API takes in.",
    ]
    job = await ended(client, f"{V5}/importJob", {"@type": "ImportJob", "url": await put(client, "2", offering)})
    assert job["status"] == "Succeeded"
    out = f"{EXCHANGE}/all.ndjson"
    assert (await ended(client, f"{V5}/exportJob", {"@type": "ExportJob", "url": out}))["status"] == "Succeeded"
    rows = [json.loads(line) for line in (await client.get(out)).text.splitlines()]
    assert [row["id"] for row in rows] == ["ps", "po"]


@pytest.mark.parametrize(
    ("job", "status", "code", "path"),
    [
        ({"url": "https://example.org/offerings.ndjson"}, 422, "outsideFile", "$.url"),
        ({"url": f"http://127.0.0.1{EXCHANGE}/a"}, 422, "outsideFile", "$.url"),
        ({"url": f"{EXCHANGE}/../key"}, 400, "invalidFileName", "$.url"),
        ({"url": f"{EXCHANGE}/nothing.ndjson"}, 422, "unknownFile", "$.url"),
        ({"url": f"{EXCHANGE}/a.csv"}, 400, "missingPath", "$.path"),
        ({"url": f"{EXCHANGE}/a", "path": "/individual"}, 400, "unknownPath", "$.path"),
        ({"url": f"{EXCHANGE}/a", "path": "/importJob"}, 400, "unknownPath", "$.path"),
        ({"url": f"{EXCHANGE}/a", "contentType": "text/xml"}, 400, "unknownFormat", "$.contentType"),
        ({}, 400, "missingAttribute", "$.url"),
    ],
)
async def test_a_job_that_cannot_work_is_refused(
    client: httpx.AsyncClient, job: dict[str, str], status: int, code: str, path: str
) -> None:
    answer = await client.post(f"{V5}/importJob", json={"@type": "ImportJob", **job})
    assert (answer.status_code, answer.json()["code"], answer.json()["path"]) == (status, code, path)
    assert (await client.get(f"{V5}/importJob")).json() == []


async def test_who_may_not_change_the_records_may_not_have_a_job_do_it(at: Installation) -> None:
    key = await at.make_key(["importJob:create", "exportJob:create", "exchangeFile:create", "productOffering:read"])
    async with at.client(key.key) as client:
        url = await put(client, "a.ndjson", {"@type": "ProductOffering", "name": "One"})
        for kind in ("importJob", "exportJob"):
            body = {"@type": f"I{kind[1:]}" if kind[0] == "i" else f"E{kind[1:]}", "url": url}
            one = await client.post(f"{V5}/{kind}", json={**body, "path": "/productOffering"})
            assert one.status_code == (403 if kind == "importJob" else 201), one.text
            assert (await client.post(f"{V5}/{kind}", json=body)).status_code == 403


async def test_files_are_a_tenants_own(at: Installation, serve: Any) -> None:
    async with at.client() as client:
        url = await put(client, "mine.ndjson", {"a": 1})
    async with serve() as other, other.client() as client:
        assert (await client.get(url)).status_code == 404
        assert (await client.get(EXCHANGE)).json() == []
        assert (await client.delete(url)).status_code == 404
        refused = await client.post(f"{V5}/importJob", json={"@type": "ImportJob", "url": url})
        assert refused.json()["code"] == "unknownFile"
