"""Who may not: every endpoint that needs a principal or a permission refuses those without, and tenants see nothing
of each other. The endpoints come from the wiring, so that a new one is asked by itself."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.api.conftest import Serve, listed_endpoints, served
from tests.support.installation import Installation
from trunkline.app import wiring
from trunkline.kernel.db import Database
from trunkline.kernel.ids import new_id
from trunkline.kernel.tmf.document import encode
from trunkline.kernel.tmf.mount import Mount, mounts_of
from trunkline.kernel.tmf.resource import Resource
from trunkline.kernel.web import Endpoint

UNRELATED = "nothingOfThisName:read"


class Door:
    """An installation with one client that has no principal and one whose key holds an unrelated permission."""

    def __init__(self, stranger: httpx.AsyncClient, unrelated: httpx.AsyncClient) -> None:
        self.stranger = stranger
        self.unrelated = unrelated


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(database_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    async with served(database_dsn, tmp_path_factory.mktemp("home")) as at:
        key = (await at.make_key([UNRELATED])).key
        async with at.client("") as stranger, at.client(key) as unrelated:
            yield Door(stranger, unrelated)


async def ask(client: httpx.AsyncClient, endpoint: Endpoint) -> httpx.Response:
    path = "/".join("x" if part.startswith("{") else part for part in endpoint.path.split("/"))
    body: dict[str, Any] = {} if endpoint.method in ("GET", "DELETE") else {"json": {}}
    return await client.request(endpoint.method, path, **body)


@pytest.mark.asyncio(loop_scope="module")
async def test_without_a_principal_it_is_401(door: Door, closed: list[Endpoint]) -> None:
    for endpoint in closed:
        answer = await ask(door.stranger, endpoint)
        assert answer.status_code == 401, (endpoint.method, endpoint.path, answer.text)
        assert answer.json()["code"] == "notAuthenticated"
        assert answer.json()["@type"] == "Error"
        assert answer.json()["path"] == "Authorization"
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.asyncio(loop_scope="module")
async def test_with_an_unrelated_permission_it_is_403(door: Door, closed: list[Endpoint]) -> None:
    for endpoint in closed:
        answer = await ask(door.unrelated, endpoint)
        if not endpoint.permission:  # any principal may: about itself
            assert answer.status_code not in (401, 403)
            assert endpoint.path.startswith("/trunkline/v1/session")
            continue
        assert answer.status_code == 403, (endpoint.method, endpoint.path, answer.text)
        assert answer.json()["code"] == "notPermitted"
        assert endpoint.permission in answer.json()["message"]


# tenants ----------------------------------------------------------------------------------------------------------


async def row_of(database: Database, resource: Resource[Any], tenant: str) -> str:
    """Put a minimal row of the resource into its table, past every rule: here only the tenant counts."""
    id_ = new_id()
    document = {"id": id_, "href": f"{resource.base_path}/{id_}", "@type": resource.info.name}
    async with database.unit_of_work() as uow:
        await uow.execute(
            f"""insert into {resource.relation}(tenant, id, version, state, created_at, updated_at, tokens, doc)
                values ($1, $2, 1, null, now(), now(), '{{}}', $3::jsonb)""",
            tenant,
            id_,
            encode(document).decode(),
        )
    return id_


async def assert_hidden(client: httpx.AsyncClient, mount: Mount, id_: str) -> None:
    where, one = mount.path, f"{mount.path}/{id_}"
    if "list" in mount.operations:
        listed = await client.get(where)
        assert (listed.status_code, listed.json(), listed.headers["x-total-count"]) == (200, [], "0"), where
        named = await client.get(where, params={"id": id_})
        assert (named.json(), named.headers["x-total-count"]) == ([], "0"), where
    if "retrieve" in mount.operations:
        for at in ({}, {"asOf": "2999-01-01T00:00:00Z"}):
            assert (await client.get(one, params=at)).status_code == 404, where
    if "patch" in mount.operations:
        assert (await client.patch(one, json={"description": "mine now"})).status_code == 404, where
    if "delete" in mount.operations:
        assert (await client.delete(one)).status_code == 404, where


async def test_another_tenants_administrator_sees_and_changes_nothing(serve: Serve) -> None:
    async with serve() as first, serve() as second:
        tested = 0
        for declared in wiring.declared():
            mounts = mounts_of(declared)
            if not mounts[0].resource.writable:
                continue
            id_ = await row_of(first.database, mounts[0].resource, first.context.tenant)
            for mount in mounts:
                async with second.client() as other:
                    await assert_hidden(other, mount, id_)
                if "retrieve" not in mount.operations:
                    continue
                async with first.client() as own:
                    seen = await own.get(f"{mount.path}/{id_}")
                    assert seen.status_code == 200, mount.path
                    assert seen.json()["id"] == id_
            tested += len(mounts)
        assert tested > 200


async def test_another_tenant_may_take_the_same_id(serve: Serve) -> None:
    async with serve() as first, serve() as second:
        for at in (first, second):
            async with at.client() as client:
                made = await client.post(
                    "/tmf-api/partyManagement/v5/organization", json={"id": "acme", "name": at.context.tenant}
                )
                assert made.status_code == 201
        for at in (first, second):
            async with at.client() as client:
                read = await client.get("/tmf-api/partyManagement/v5/organization/acme")
                assert read.json()["name"] == at.context.tenant


async def test_a_sort_path_is_no_sql(at: Installation, serve: Serve) -> None:
    """Inside a free value every path is known, so the path is the client's own text."""
    async with serve() as other, other.client() as client:
        secret = {"familyName": "Hidden", "givenName": "Of another tenant"}
        assert (await client.post("/tmf-api/partyManagement/v5/individual", json=secret)).status_code == 201
    path = "partyCharacteristic.value.x}' , (select 1 / count(*) from party.individual where false) --"
    async with at.client() as client:
        answer = await client.get("/tmf-api/partyManagement/v5/individual", params={"sort": path.replace(",", "%2C")})
        assert (answer.status_code, answer.json()) == (200, [])
        quoted = await client.get("/tmf-api/partyManagement/v5/individual?sort=partyCharacteristic.value.%22%7D'")
        assert (quoted.status_code, quoted.json()) == (200, [])


def test_the_public_endpoints_are_these() -> None:
    """A further one is a decision."""
    documents = ("/openapi.json", "/asyncapi.json")
    public = {e.path for e in listed_endpoints() if e.public and not e.path.endswith(documents)}
    assert public == {"/", "/docs", "/docs/{file}", "/health/live", "/health/ready", "/trunkline/v1/session"}
