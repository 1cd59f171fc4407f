"""The page to read and try the APIs: what it shows is served by us, and its policy lets it ask nobody else."""

import re

import msgspec

from tests.api.conftest import listed_endpoints
from tests.api.test_openapi import SERVED
from tests.support.installation import Installation

FILES = ("swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "swagger-ui.css", "page.js", "page.css")


async def test_the_page_names_every_api_and_nothing_outside(at: Installation) -> None:
    async with at.client("") as client:
        answer = await client.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    shown = re.search(r'<script id="apis" type="application/json">(.*?)</script>', answer.text)
    assert shown is not None
    documents = msgspec.json.decode(shown[1])
    served = {endpoint.path for endpoint in listed_endpoints()}
    assert [document["name"] for document in documents] == [*(api.title for api in SERVED), "Everything"]
    assert {document["url"] for document in documents} <= served
    assert "://" not in answer.text
    named = re.findall(r'(?:src|href)="/docs/([^"]+)"', answer.text)
    assert sorted(named) == sorted(FILES)


async def test_its_policy_lets_it_load_and_ask_here_only(at: Installation) -> None:
    async with at.client("") as client:
        for path in ("/docs", *(f"/docs/{name}" for name in FILES)):
            answer = await client.get(path)
            assert answer.status_code == 200, path
            policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
            assert policy["default-src"] == "'none'"
            assert policy["script-src"] == policy["connect-src"] == "'self'"
            assert "http" not in str(policy)
            assert answer.headers["x-content-type-options"] == "nosniff"


async def test_its_files_are_kept_by_their_tag_and_no_others_are_served(at: Installation) -> None:
    async with at.client("") as client:
        for name in FILES:
            first = await client.get(f"/docs/{name}")
            again = await client.get(f"/docs/{name}", headers={"If-None-Match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
        for name in ("LICENSE", "%2e%2e%2fapp.py", "index.html"):
            assert (await client.get(f"/docs/{name}")).status_code == 404
