"""What cannot be right whatever the endpoint: broken JSON, absurd numbers, wrong types of body, wrong methods, filters that
say nothing. The endpoints come from the wiring, API by API, so that a new one is asked by itself; each answer is a 4xx in
TMF630's form, and what is wrong with a field names it."""

import gzip
import random
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest
import pytest_asyncio

from tests.api.conftest import Serve, api_of, each_api, listed_endpoints, served
from trunkline.app import wiring
from trunkline.kernel.ids import new_id
from trunkline.kernel.tmf.catalogue import served_apis
from trunkline.kernel.tmf.openapi import openapi
from trunkline.kernel.web import Endpoint

LISTED = listed_endpoints()
SERVED = served_apis(wiring.declared())
MOUNTS = [mount for api in SERVED for mount in api.mounts]
DOCUMENT = openapi("", "", MOUNTS, LISTED)["paths"]
NOT_OFFERED = {("POST", mount.path) for mount in MOUNTS if mount.resource.unavailable}
TAKES_JSON = [
    found
    for found in LISTED
    if "application/json" in DOCUMENT[found.path][found.method.lower()].get("requestBody", {}).get("content", {})
    and (found.method, found.path) not in NOT_OFFERED
]

BODIES = [
    (b'{"a":', "malformedJson", "$"),
    (b'{"a":1}{"b":2}', "malformedJson", "$"),
    (b"", "malformedJson", "$"),
    (b'{"a":"\xff"}', "malformedJson", "$"),
    (b'{"a":"\\ud800"}', "invalidText", "$.a"),
    (b"\xef\xbb\xbf{}", "malformedJson", "$"),
    ('{"a":"text"}'.encode("utf-16"), "malformedJson", "$"),
    (b'{"a":[NaN]}', "malformedJson", "$.a[0]"),
    (b'{"a":{"b":Infinity}}', "malformedJson", "$.a.b"),
    (b'{"a":{"b":1,"b":2}}', "duplicateName", "$.a.b"),
    (b'{"a":"x\\u0000"}', "invalidText", "$.a"),
    (b'{"a\\u0000":1}', "invalidText", "$"),
    (b'{"a":' + b"9" * 400 + b"}", "numberOutOfRange", "$.a"),
    (b'{"a":1e400}', "numberOutOfRange", "$.a"),
    (b'{"a":1e-400}', "numberOutOfRange", "$.a"),
    (b'{"a":' * 65 + b"1" + b"}" * 65, "tooDeep", "$"),
    (b"[" * 60_000, "tooDeep", "$"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(database_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    async with served(database_dsn, tmp_path_factory.mktemp("home")) as at, at.client() as opened:
        yield opened


def place(endpoint: Endpoint) -> str:
    """The endpoint's path with ids that nobody has."""
    return "/".join("7" if part.startswith("{") else part for part in endpoint.path.split("/"))


def refused(answer: httpx.Response) -> dict[str, Any]:
    """The answer's Error, if it is one in TMF630's form."""
    assert 400 <= answer.status_code < 500, answer.text
    body: dict[str, Any] = answer.json()
    assert (body["@type"], body["status"]) == ("Error", str(answer.status_code))
    assert body["code"]
    assert body["reason"]
    assert body["correlationId"] == answer.headers["x-correlation-id"]
    return body


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("api", each_api(every=17))
async def test_a_body_that_cannot_be_kept_is_refused_with_its_place(client: httpx.AsyncClient, api: str) -> None:
    for endpoint in TAKES_JSON:
        for raw, code, path in BODIES if api_of(endpoint.path) == api else ():
            answer = await client.request(
                endpoint.method, place(endpoint), content=raw, headers={"Content-Type": "application/json"}
            )
            body = refused(answer)
            assert (answer.status_code, body["code"], body["path"]) == (400, code, path), (endpoint.path, raw[:40])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("api", each_api(every=17))
async def test_a_body_of_another_kind_or_size_is_refused(client: httpx.AsyncClient, api: str) -> None:
    for endpoint in TAKES_JSON:
        if api_of(endpoint.path) != api:
            continue
        for headers, raw, status, code, path in (
            ({"Content-Type": "text/plain"}, b"{}", 415, None, "Content-Type"),
            ({"Content-Type": "application/xml"}, b"<a/>", 415, None, "Content-Type"),
            ({"Content-Type": ""}, b"{}", 415, None, "Content-Type"),
            ({"Content-Encoding": "gzip"}, gzip.compress(b"{}"), 415, "unsupportedCoding", "Content-Encoding"),
            ({"Content-Encoding": "gzip, br"}, b"{}", 415, "unsupportedCoding", "Content-Encoding"),
            ({}, b" " * (endpoint.size_max + 1), 413, "bodyTooLarge", "$"),
        ):
            kind = {"Content-Type": "application/json"}
            answer = await client.request(endpoint.method, place(endpoint), content=raw, headers={**kind, **headers})
            body = refused(answer)
            assert (answer.status_code, body["path"]) == (status, path), (endpoint.path, body)
            assert code in (None, body["code"])
        for raw in (b"[]", b'"x"', b"1", b"null", b"true"):
            answer = await client.request(
                endpoint.method, place(endpoint), content=raw, headers={"Content-Type": "application/json"}
            )
            assert (answer.status_code, refused(answer)["path"]) == (400, "$"), (endpoint.path, raw)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("api", each_api(every=17))
async def test_a_method_that_is_not_there_is_told_which_are(client: httpx.AsyncClient, api: str) -> None:
    for path in sorted({found.path for found in LISTED if api_of(found.path) == api}):
        offered = {found.method for found in LISTED if found.path == path}
        offered |= {"HEAD"} if "GET" in offered else set()
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "MADEUP"} - offered:
            answer = await client.request(method, path.replace("{", "").replace("}", ""))
            body = refused(answer)
            assert (answer.status_code, body["code"]) == (405, "methodNotAllowed"), path
            assert set(answer.headers["allow"].split(", ")) == set(body["allowed"]) == offered


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "path", ["/tmf-api", "/tmf-api/partyManagement/v5/", "/tmf-api/partyManagement/v9/individual", "/%"]
)
async def test_a_path_that_is_not_there_is_a_404_in_the_same_form(client: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS", "MADEUP"):
        answer = await client.request(method, path)
        assert (answer.status_code, refused(answer)["code"]) == (404, "unknownPath")


# filters ----------------------------------------------------------------------------------------------------------

VALUES = [
    "", "x", "'", '"', "\\", "%00", "%ff", "%ed%a0%80", "NaN", "1e9999", "-1", "9" * 60, "1.5", "true", "null", "[]", "{}",
    "2026-02-30", "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "20260101", "24:00", "a,b;c", "$", "%24.a",
    "*", "(((", "(a", "[z-a]", "a{1,99999}", "\\1", "%25", "'%20or%201=1--", "%F0%9F%98%80",
]  # fmt: skip
OPERATORS = [
    "=",
    ".eq=",
    ".ne=",
    ".gt=",
    ".gte=",
    ".lt=",
    ".lte=",
    ".regex=",
    "==",
    "!=",
    ">",
    ">=",
    "=~",
    "*=",
    ".huh=",
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("api", [found for found in each_api(every=17) if found.values[0].startswith("/tmf-api")])
async def test_a_filter_finds_or_is_refused(client: httpx.AsyncClient, api: str) -> None:
    """Whatever stands at an attribute, of whatever type: a page, or a 4xx that names the attribute."""
    chosen = random.Random(api)
    refusals = 0
    for mount in (found for found in MOUNTS if api_of(found.path) == api and "list" in found.operations):
        names = [field.encode_name for field in msgspec.structs.fields(mount.resource.entity)]
        for name in [*names, "id", f"{names[0]}.x", f"{names[-1]}.id", "nothingOfThisName", "a..b", "@", "a" * 300]:
            for _ in range(3):
                question = f"{quote(name)}{chosen.choice(OPERATORS)}{chosen.choice(VALUES)}"
                answer = await client.get(f"{mount.path}?{question}")
                if answer.status_code not in (200, 206):
                    body = refused(answer)
                    assert answer.status_code == 400, question
                    assert body["path"], question
                    refusals += 1
    assert refusals or not any(api_of(found.path) == api and "list" in found.operations for found in MOUNTS)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("question", "status", "code", "path"),
    [
        ("limit=-1", 400, "invalidPage", "limit"),
        ("limit=1001", 400, "invalidPage", "limit"),
        ("limit=x", 400, "invalidPage", "limit"),
        ("offset=99999999999999999999", 400, "invalidPage", "offset"),
        ("offset=%EF%BC%91", 400, "invalidPage", "offset"),
        ("after=!", 400, "invalidCursor", "after"),
        ("before=AA", 400, "invalidCursor", "before"),
        ("sort=nothingOfThisName", 400, "unknownAttribute", "nothingOfThisName"),
        ("sort=a,b,c,d,e,f", 400, "tooManySortKeys", "sort"),
        ("sort=id&after=WyIxIixbXV0", 400, "invalidCursor", "after"),
        ("familyNam=x", 400, "unknownAttribute", "familyNam"),
        ("familyName.regex=(", 400, "invalidRegex", "familyName"),
        ("familyName.regex=" + "a" * 101, 400, "regexTooLong", "familyName"),
        ("birthDate.gt=yesterday", 400, "invalidValue", "birthDate"),
        ("%20", 400, "malformedFilter", " "),
        ("=x", 400, "malformedFilter", "=x"),
        ("familyName=%ff", 400, "invalidText", "familyName"),
        ("familyName=%00", 400, "invalidText", "familyName"),
        ("familyName=" + ",".join(["x"] * 101), 400, "tooManyValues", "familyName"),
        ("fields=%ff", 400, "invalidText", "fields"),
        ("filter=(", 400, "invalidFilter", "filter"),
        ("filter=$.a[0]", 400, "filterNotOffered", "filter"),
        ("depth=7", 400, "notOffered", "depth"),
        ("familyName=" + "x" * 9000, 400, "queryTooLong", None),
    ],
)
async def test_a_malformed_question_is_told_what_is_wrong(
    client: httpx.AsyncClient, question: str, status: int, code: str, path: str | None
) -> None:
    answer = await client.get(f"/tmf-api/partyManagement/v5/individual?{question}")
    body = answer.json()
    assert (answer.status_code, body["code"], body.get("path")) == (status, code, path), body


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("api", each_api(every=17))
async def test_an_id_that_nobody_could_have_is_not_found_or_refused(client: httpx.AsyncClient, api: str) -> None:
    for endpoint in LISTED:
        if endpoint.path.count("{") == 1 and api_of(endpoint.path) == api:
            for text in ("%00", "%ff", "%ed%a0%80", "..%2f..", "%2e", "x" * 3000, "%F0%9F%98%80", "'"):
                path = "/".join(text if part.startswith("{") else part for part in endpoint.path.split("/"))
                refused(await client.request(endpoint.method, path))


async def test_headers_that_say_nothing_are_refused_or_left_alone(serve: Serve) -> None:
    one = f"/tmf-api/partyManagement/v5/individual/{new_id()}"
    async with serve() as at, at.client() as client:
        for headers, status in (
            ({"Authorization": "Bearer"}, 401),
            ({"Authorization": "Basic %%%"}, 401),
            ({"Authorization": "Digest x"}, 401),
            ({"Authorization": "Bearer " + "x" * 20_000}, 401),
            ({"X-Reason": "x" * 501}, 400),
            ({"X-Correlation-Id": "\x7f" * 10}, 404),
            ({"If-None-Match": '"' * 99}, 404),
        ):
            assert (await client.get(one, headers=headers)).status_code == status, headers
        for headers, status in (
            ({"If-Match": "nonsense"}, 412),
            ({"If-Match": '"99999999999"'}, 412),
            ({"Idempotency-Key": "a b"}, 400),
            ({"Idempotency-Key": "x" * 256}, 400),
        ):
            answer = await client.patch(one, json={"familyName": "x"}, headers=headers)
            assert answer.status_code == status, answer.text
            refused(answer)
