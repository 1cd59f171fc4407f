"""Both generations over HTTP: one record, two faces; tasks whose engine is not there; a second API over the same records."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.installation import Installation
from trunkline.app import wiring
from trunkline.kernel.tmf.mount import Mount, mounts_of

CUSTOMERS_4 = "/tmf-api/customerManagement/v4/customer"
CUSTOMERS_5 = "/tmf-api/customerManagement/v5/customer"
CATALOGS_4 = "/tmf-api/productCatalogManagement/v4/catalog"
CATALOGS_5 = "/tmf-api/productCatalogManagement/v5/productCatalog"
INDIVIDUALS_4 = "/tmf-api/partyManagement/v4/individual"
TASKS = [
    mount
    for declared in wiring.declared()
    for mount in mounts_of(declared)
    if mount.resource.unavailable and "create" in mount.operations
]


@pytest.fixture
async def client(at: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with at.client() as opened:
        yield opened


async def created(client: httpx.AsyncClient, path: str, document: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(path, json=document)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == answer.json()["href"]
    made: dict[str, Any] = answer.json()
    return made


async def customer(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    """A customer made through generation 4, with an agent."""
    person = await created(client, INDIVIDUALS_4, {"givenName": "First", "familyName": "Line"})
    party = {"id": person["id"], "@referredType": "Individual", "@type": "RelatedParty"}
    return await created(
        client,
        CUSTOMERS_4,
        {"name": "First Line", "engagedParty": party, "relatedParty": [{**party, "role": "agent"}], **more},
    )


async def test_what_4_creates_5_reads(client: httpx.AsyncClient) -> None:
    made = await customer(client)
    party = {"id": made["engagedParty"]["id"], "@referredType": "Individual"}
    assert made["href"] == f"{CUSTOMERS_4}/{made['id']}"
    assert made["relatedParty"] == [{**party, "role": "agent", "@type": "RelatedParty"}]
    newer = (await client.get(f"{CUSTOMERS_5}/{made['id']}")).json()
    assert newer["href"] == f"{CUSTOMERS_5}/{made['id']}"
    assert newer["relatedParty"] == [
        {
            "role": "agent",
            "partyOrPartyRole": {**party, "@type": "PartyOrPartyRole"},
            "@type": "RelatedPartyOrPartyRole",
        },
    ]
    assert (await client.get(made["href"])).json() == made


async def test_lists_filter_sort_and_page_in_their_own_names(client: httpx.AsyncClient) -> None:
    made = await customer(client)
    party = made["engagedParty"]["id"]
    found = await client.get(CUSTOMERS_4, params={"relatedParty.id": party})
    assert [item["id"] for item in found.json()] == [made["id"]]
    assert found.json()[0] == made
    assert found.headers["x-total-count"] == "1"
    assert f"<{CUSTOMERS_4}?relatedParty.id={party}" in found.headers["link"]
    none = await client.get(CUSTOMERS_4, params={"relatedParty.id": "nobody"})
    assert none.json() == []
    fields = await client.get(CUSTOMERS_4, params={"relatedParty.id": party, "fields": "relatedParty"})
    assert fields.json() == [{key: made[key] for key in ("id", "href", "@type", "relatedParty")}]
    wrong = await client.get(CUSTOMERS_4, params={"relatedParty.idd": party})
    assert (wrong.status_code, wrong.json()["path"]) == (400, "relatedParty.idd")


async def test_a_patch_through_4_keeps_what_4_cannot_say(client: httpx.AsyncClient) -> None:
    made = await customer(client)
    patched = await client.patch(made["href"], json={"name": "Second Line"})
    assert (patched.status_code, patched.json()["name"]) == (200, "Second Line")
    newer = (await client.get(f"{CUSTOMERS_5}/{made['id']}")).json()
    assert newer["name"] == "Second Line"
    assert newer["relatedParty"][0]["partyOrPartyRole"]["id"] == made["engagedParty"]["id"]
    wrong = await client.patch(made["href"], json={"relatedParty": [{"role": "agent", "id": 7}]})
    assert (wrong.status_code, wrong.json()["path"]) == (400, "$.relatedParty[0].id")
    fixed = await client.patch(made["href"], json={"href": "/elsewhere"})
    assert (fixed.status_code, fixed.json()["path"]) == (400, "$.href")


async def test_each_generation_asks_for_its_own_mandatory_attributes(client: httpx.AsyncClient) -> None:
    party = (await customer(client))["engagedParty"]
    without_role = {"name": "x", "engagedParty": party, "relatedParty": [{"id": party["id"], "@type": "RelatedParty"}]}
    assert (await client.post(CUSTOMERS_4, json=without_role)).status_code == 201
    newer = {"name": "x", "engagedParty": party, "relatedParty": [{"partyOrPartyRole": party}]}
    refused = await client.post(CUSTOMERS_5, json=newer)
    assert (refused.status_code, refused.json()["path"]) == (400, "$.relatedParty.role")
    unknown = {**without_role, "engagedParty": {"id": "nobody"}}
    refused = await client.post(CUSTOMERS_4, json=unknown)
    assert (refused.status_code, refused.json()["path"]) == (422, "$.engagedParty.id")


async def test_a_resource_may_have_another_name(client: httpx.AsyncClient) -> None:
    made = await created(client, CATALOGS_4, {"name": "Summer"})
    assert made["@type"] == "Catalog"
    newer = (await client.get(f"{CATALOGS_5}/{made['id']}")).json()
    assert (newer["@type"], newer["name"], newer["href"]) == (
        "ProductCatalog",
        "Summer",
        f"{CATALOGS_5}/{made['id']}",
    )
    assert (await client.get("/tmf-api/productCatalogManagement/v4/productCatalog")).status_code == 404


@pytest.mark.parametrize("mount", TASKS, ids=[f"{mount.api}-v{mount.generation}-{mount.name}" for mount in TASKS])
async def test_a_task_without_its_engine_says_so(client: httpx.AsyncClient, mount: Mount) -> None:
    answer = await client.post(mount.path, json={})
    assert (answer.status_code, answer.json()["code"]) == (501, "engineMissing")
    assert answer.json()["message"] == mount.resource.unavailable
    if "list" in mount.operations:
        assert (await client.get(mount.path)).json() == []


async def test_jsonpath_asks_for_two_things_of_the_same_element(client: httpx.AsyncClient) -> None:
    made = await customer(client)
    party = made["engagedParty"]["id"]
    for path, inner in ((CUSTOMERS_4, "id"), (CUSTOMERS_5, "partyOrPartyRole.id")):
        for role, found in (("agent", [made["id"]]), ("owner", [])):
            wanted = f"relatedParty[?(@.role=='{role}' && @.{inner}=='{party}')]"
            answer = await client.get(path, params={"filter": wanted})
            assert [item["id"] for item in answer.json()] == found, (path, role)
    named = await client.get(CUSTOMERS_5, params={"filter": f"[?(@.id=='{made['id']}' && @.name =~ /^first/i)]"})
    assert [item["id"] for item in named.json()] == [made["id"]]
    wrong = await client.get(CUSTOMERS_5, params={"filter": "[?(@.nmae=='x')]"})
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["path"]) == (400, "unknownAttribute", "nmae")
    broken = await client.get(CUSTOMERS_5, params={"filter": "[?(@.name=="})
    assert (broken.status_code, broken.json()["code"], broken.json()["path"]) == (400, "invalidFilter", "filter")


async def test_references_are_expanded_one_level(client: httpx.AsyncClient) -> None:
    made = await customer(client)
    person = (await client.get(f"{INDIVIDUALS_4}/{made['engagedParty']['id']}")).json()
    for parameters in ({"expand": "engagedParty"}, {"depth": "1"}):
        answer = await client.get(made["href"], params=parameters)
        assert answer.json()["engagedParty"] == {**made["engagedParty"], **person}
        listed = await client.get(CUSTOMERS_4, params={"id": made["id"], **parameters})
        assert listed.json()[0]["engagedParty"] == {**made["engagedParty"], **person}
    wrong = await client.get(made["href"], params={"expand": "name"})
    assert (wrong.status_code, wrong.json()["allowed"]) == (400, ["engagedParty"])
    deeper = await client.get(made["href"], params={"depth": "2"})
    assert (deeper.status_code, deeper.json()["path"]) == (400, "depth")


async def test_who_may_not_read_the_target_may_not_expand_it(at: Installation, client: httpx.AsyncClient) -> None:
    made = await customer(client)
    key = (await at.make_key(["customer:read"])).key
    async with at.client(key) as clerk:
        assert (await clerk.get(made["href"])).status_code == 200
        refused = await clerk.get(made["href"], params={"expand": "engagedParty"})
    assert (refused.status_code, refused.json()["code"]) == (403, "notPermitted")


async def test_what_others_refer_to_cannot_be_deleted(client: httpx.AsyncClient) -> None:
    made = await customer(client)
    person = f"{INDIVIDUALS_4}/{made['engagedParty']['id']}"
    refused = await client.delete(person)
    assert (refused.status_code, refused.json()["code"]) == (409, "inUse")
    assert f"customer {made['id']}" in refused.json()["message"]
    assert (await client.get(person)).status_code == 200
    assert (await client.delete(made["href"])).status_code == 204
    assert (await client.delete(person)).status_code == 204


async def test_a_record_is_not_of_another_resources_type(client: httpx.AsyncClient) -> None:
    person = {"givenName": "First", "familyName": "Line"}
    for kind in ("ProductOrder", "Organization"):
        refused = await client.post(INDIVIDUALS_4, json={**person, "@type": kind})
        body = refused.json()
        assert (refused.status_code, body["code"], body["path"]) == (400, "wrongType", "$.@type")
        assert (body["allowed"], bool(body["hint"])) == (["Individual"], True)
    for kind in ("Individual", "Subscriber"):  # itself, or a class of one's own
        assert (await created(client, INDIVIDUALS_4, {**person, "@type": kind}))["@type"] == kind


async def test_a_refusal_says_what_to_do_next(client: httpx.AsyncClient) -> None:
    for answer in (
        await client.get(CUSTOMERS_5, params={"nope": "1"}),
        await client.get(CUSTOMERS_5, params={"limit": "-1"}),
        await client.post(CUSTOMERS_5, json=[]),
        await client.post(CUSTOMERS_5, json={"name": "x"}),
        await client.put(CUSTOMERS_5, json={}),
    ):
        assert 400 <= answer.status_code < 500
        assert answer.json()["hint"], answer.text
