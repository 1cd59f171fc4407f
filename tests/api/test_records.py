"""TMF630 over HTTP, on records of three domains: what a client sends, gets, and is told when it is wrong."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.installation import Installation
from trunkline.bss.account.resources import billing_accounts
from trunkline.kernel.web.body import SIZE_MAX

INDIVIDUALS = "/tmf-api/partyManagement/v5/individual"
CUSTOMERS = "/tmf-api/customerManagement/v5/customer"
PRICES = "/tmf-api/productCatalogManagement/v5/productOfferingPrice"
HUB = "/tmf-api/partyManagement/v5/hub"
PERSON = {"familyName": "Line", "givenName": "First"}


@pytest.fixture
async def client(at: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with at.client() as opened:
        yield opened


async def person(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await client.post(INDIVIDUALS, json={**PERSON, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The answer is an Error of this status and code, in TMF630's form."""
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert body["@type"] == "Error"
    assert body["status"] == str(status)
    assert body["reason"]
    assert body["correlationId"] == answer.headers["x-correlation-id"]
    assert None not in body.values()
    return body


def links(answer: httpx.Response) -> dict[str, str]:
    return {str(name): str(link["url"]) for name, link in answer.links.items()}


# one record -------------------------------------------------------------------------------------------------------


async def test_create_read_and_not_modified(client: httpx.AsyncClient) -> None:
    made = await client.post(INDIVIDUALS, json=PERSON)
    assert made.status_code == 201
    assert made.headers["location"] == made.json()["href"]
    assert made.headers["etag"] == '"1"'
    read = await client.get(made.headers["location"])
    assert (read.status_code, read.json(), read.headers["etag"]) == (200, made.json(), '"1"')
    for tag in ('"1"', 'W/"1"', '"0", "1"', "*"):
        same = await client.get(made.headers["location"], headers={"If-None-Match": tag})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", '"1"')
    assert (await client.get(made.headers["location"], headers={"If-None-Match": '"2"'})).status_code == 200


async def test_a_record_that_its_create_moved_is_answered_with_the_version_it_has(client: httpx.AsyncClient) -> None:
    owner = {"@type": "PartyRef", "@referredType": "Individual", "id": (await person(client))["id"]}
    related = {"@type": "RelatedPartyRefOrPartyRoleRef", "role": "owner", "partyOrPartyRole": owner}
    cycle: dict[str, Any] = {"@type": "BillingCycleSpecification", "name": "Monthly", "timeZone": "Europe/Berlin"}
    cycle |= {"dayOfMonth": 1, "currency": "EUR", "paymentDueDateOffset": 14, "seller": owner}
    cycles = await client.post("/tmf-api/accountManagement/v5/billingCycleSpecification", json=cycle)
    assert cycles.status_code == 201, cycles.text
    monthly = {"@type": "BillingCycleSpecificationRef", "id": cycles.json()["id"]}
    structure = {"@type": "BillStructure", "cycleSpecification": monthly}
    sent = {"@type": "BillingAccount", "name": "Empty", "relatedParty": [related], "billStructure": structure}
    account = (await client.post("/tmf-api/accountManagement/v5/billingAccount", json=sent)).json()
    task = {
        "@type": "CustomerBillOnDemand",
        "billingAccount": {"@type": "BillingAccountRef", "id": account["id"]},
    }
    made = await client.post("/tmf-api/customerBillManagement/v5/customerBillOnDemand", json=task)
    assert made.status_code == 201, made.text
    assert (made.json()["state"], made.headers["etag"]) == ("rejected", '"2"')
    read = await client.get(made.headers["location"])
    assert (read.json(), read.headers["etag"]) == (made.json(), '"2"')


async def test_an_id_with_odd_characters_is_reached_at_its_href(client: httpx.AsyncClient) -> None:
    for id_ in ("日本", "a b?c#d", "50%", "x;y,z=1", "it's"):
        made = await client.post(INDIVIDUALS, json={**PERSON, "id": id_})
        assert made.status_code == 201, made.text
        read = await client.get(made.headers["location"])
        assert (read.status_code, read.json()["id"]) == (200, id_)
    wrong: Any
    for wrong in ("", "a/b", ".", "..", "x" * 201, "a\nb", 7, [], {}, False):
        refused(await client.post(INDIVIDUALS, json={**PERSON, "id": wrong}), 400, "invalidId")


async def test_the_same_id_twice_is_a_conflict(client: httpx.AsyncClient) -> None:
    await person(client, id="one")
    body = refused(await client.post(INDIVIDUALS, json={**PERSON, "id": "one"}), 409, "idTaken")
    assert body["path"] == "$.id"
    assert body["hint"]


async def test_a_reference_to_nothing_is_422_and_names_its_place(client: httpx.AsyncClient) -> None:
    customer = {"name": "Acme", "engagedParty": {"id": "nobody", "@referredType": "Individual"}}
    body = refused(await client.post(CUSTOMERS, json=customer), 422, "unknownReference")
    assert body["path"] == "$.engagedParty.id"
    one = await person(client)
    customer["engagedParty"] = {"id": one["id"], "@referredType": "Individual"}
    assert (await client.post(CUSTOMERS, json=customer)).status_code == 201


async def test_as_of_reads_the_past(client: httpx.AsyncClient) -> None:
    made = await person(client)
    between = (await client.get("/trunkline/v1/clock")).json()["now"]
    await client.patch(made["href"], json={"givenName": "Second"})
    past = await client.get(made["href"], params={"asOf": between})
    assert (past.json()["givenName"], past.headers["etag"]) == ("First", '"1"')
    refused(await client.get(made["href"], params={"asOf": "2000-01-01T00:00:00Z"}), 404, "unknownIndividual")
    for wrong in ("", "yesterday", "0001-01-01T00:00:00+14:00"):
        refused(await client.get(made["href"], params={"asOf": wrong}), 400, "invalidValue")
    refused(await client.get(INDIVIDUALS, params={"asOf": between}), 400, "notOffered")


async def test_delete_is_204_and_then_404(client: httpx.AsyncClient) -> None:
    made = await person(client)
    refused(await client.delete(made["href"], headers={"If-Match": '"2"'}), 412, "versionMoved")
    answer = await client.delete(made["href"])
    assert (answer.status_code, answer.content) == (204, b"")
    refused(await client.delete(made["href"]), 404, "unknownIndividual")
    refused(await client.get(made["href"]), 404, "unknownIndividual")


# bodies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        (b"", "malformedJson", "$"),
        (b"{", "malformedJson", "$"),
        (b"\xff\xfe", "malformedJson", "$"),
        (b'{"familyName":"\xed\xa0\x80"}', "malformedJson", "$"),
        (b'{"familyName":"\\ud800"}', "invalidText", "$.familyName"),
        (b'{"familyName":NaN}', "malformedJson", "$.familyName"),
        (b"[]", "invalidBody", "$"),
        (b"null", "invalidBody", "$"),
        (b'{"familyName":"a\\u0000b","givenName":"x"}', "invalidText", "$.familyName"),
        (b'{"u":' + b"[" * 5000 + b"]" * 5000 + b"}", "tooDeep", "$"),
        (b'{"familyName":"x","givenName":"x","u":[1,1e-400]}', "numberOutOfRange", "$.u[1]"),
        (b'{"familyName":"x","givenName":"x","u":1e400}', "numberOutOfRange", "$.u"),
        (b'{"familyName":"x","givenName":"x","u":' + b"9" * 400 + b"}", "numberOutOfRange", "$.u"),
        (b'{"familyName":"x","givenName":"x","@type":{}}', "invalidAttribute", "$.@type"),
        (b'{"familyName":"x","givenName":"x","status":[]}', "invalidAttribute", "$.status"),
        (b'{"familyName":"x","givenName":"x","status":"asleep"}', "unknownState", "$.status"),
        (b'{"familyName":"x"}', "missingAttribute", "$.givenName"),
        (b'{"familyName":"' + b"x" * 401 + b'","givenName":"x"}', "tooLong", "$.familyName"),
        (
            b'{"familyName":"x","givenName":"x","birthDate":"0001-01-01T00:00:00+14:00"}',
            "instantOutOfRange",
            "$.birthDate",
        ),
        (
            b'{"familyName":"x","givenName":"x","birthDate":"9999-12-31T23:59:59-14:00"}',
            "instantOutOfRange",
            "$.birthDate",
        ),
        (b'{"familyName":"x","givenName":"x","birthDate":"0000-01-01T00:00:00Z"}', "invalidAttribute", "$.birthDate"),
    ],
)
async def test_a_wrong_body_is_400_names_its_place_and_stores_nothing(
    client: httpx.AsyncClient, body: bytes, code: str, path: str
) -> None:
    answer = await client.post(INDIVIDUALS, content=body, headers={"Content-Type": "application/json"})
    assert refused(answer, 400, code)["path"] == path
    assert (await client.get(INDIVIDUALS)).headers["x-total-count"] == "0"


async def test_too_large_a_body_is_413(client: httpx.AsyncClient) -> None:
    refused(await client.post(INDIVIDUALS, json={**PERSON, "title": "x" * SIZE_MAX}), 413, "bodyTooLarge")


async def test_another_media_type_is_415(client: httpx.AsyncClient) -> None:
    answer = await client.post(INDIVIDUALS, content=b"<x/>", headers={"Content-Type": "text/xml"})
    assert refused(answer, 415, "unsupportedMediaType")["allowed"] == ["application/json"]


async def test_long_texts_and_names_that_no_index_could_hold_are_stored(client: httpx.AsyncClient) -> None:
    word = "".join(chr(33 + n * n % 90) for n in range(6000)).replace('"', "'")
    characteristic = {"@type": "Characteristic", "name": word, "value": "1"}
    more = {"title": word, "partyCharacteristic": [characteristic], word[:4000]: {"id": "1"}}
    made = await person(client, **more)
    assert {name: made[name] for name in more} == more


async def test_instants_are_stored_in_one_form(client: httpx.AsyncClient) -> None:
    for given, stored in (
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("2020-01-01t00:00:00z", "2020-01-01T00:00:00.000Z"),
        ("2020-01-01T00:00:00.1234567+02:00", "2019-12-31T22:00:00.123Z"),
    ):
        assert (await person(client, birthDate=given))["birthDate"] == stored


async def test_prices_are_exact_numbers(client: httpx.AsyncClient) -> None:
    price = {"name": "p", "priceType": "recurring", "lifecycleStatus": "In study"}

    async def send(value: str) -> httpx.Response:
        text = ",".join(f'"{k}":"{v}"' for k, v in price.items())
        body = f'{{{text},"price":{{"unit":"EUR","value":{value}}}}}'
        return await client.post(PRICES, content=body.encode(), headers={"Content-Type": "application/json"})

    for given, stored in (("0.1", "0.1"), ('"12.30"', "12.30"), ("12345678901234567890.01", "12345678901234567890.01")):
        made = await send(given)
        assert made.status_code == 201, made.text
        read = await client.get(made.headers["location"])
        assert f'"value":{stored}' in read.text.replace(": ", ":")
    for wrong in ('"NaN"', '"Infinity"', '"1e999"', '"' + "9" * 60 + '"', "1e-99999"):
        refused(await send(wrong), 400, "numberOutOfRange")
    refused(await send('"much"'), 400, "invalidAttribute")


# PATCH ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "media", ["application/json", "application/merge-patch+json", "application/json; charset=utf-8"]
)
async def test_a_merge_patch_changes_removes_and_keeps_what_it_does_not_name(
    client: httpx.AsyncClient, media: str
) -> None:
    made = await person(client, title="Dr", shoeSize=43, nested={"kept": 1, "gone": 2})
    patch = b'{"givenName":"Second","title":null,"nested":{"gone":null,"new":true}}'
    answer = await client.patch(made["href"], content=patch, headers={"Content-Type": media})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    expected = {**made, "givenName": "Second", "nested": {"kept": 1, "new": True}}
    del expected["title"]
    assert answer.json() == expected
    assert (await client.get(made["href"])).json() == expected


async def test_a_json_patch_applies_whole_or_not_at_all(client: httpx.AsyncClient) -> None:
    made = await person(client, tags=["a", "b"])

    async def send(operations: Any) -> httpx.Response:
        headers = {"Content-Type": "application/json-patch+json"}
        return await client.request("PATCH", made["href"], json=operations, headers=headers)

    good = [
        {"op": "test", "path": "/givenName", "value": "First"},
        {"op": "replace", "path": "/givenName", "value": "Second"},
        {"op": "remove", "path": "/tags/0"},
        {"op": "copy", "from": "/familyName", "path": "/legalName"},
    ]
    answer = await send(good)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {**made, "givenName": "Second", "tags": ["b"], "legalName": "Line"}
    replace = {"op": "replace", "path": "/givenName", "value": "Third"}
    for wrong, place in (
        ([replace, {"op": "test", "path": "/familyName", "value": "x"}], "$[1]"),
        ([replace, {"op": "remove", "path": "/nothing"}], "$[1]"),
        ([replace, {"op": "add"}], "$[1]"),
        ([replace, 1], "$[1]"),
        ([{"op": [], "path": {}}], "$[0]"),
        ({"op": "add"}, "$"),
        ([replace] * 201, "$"),
        ([{"op": "replace", "path": "", "value": []}], "$"),
        ([{"op": "copy", "from": "", "path": f"/copy{n}"} for n in range(60)], "$[12]"),
    ):
        assert refused(await send(wrong), 400, "invalidPatch")["path"] == place
    refused(await send([{"op": "copy", "from": "", "path": "/a"}] * 100), 400, "tooDeep")
    assert (await client.get(made["href"])).json() == answer.json()


async def test_a_patch_may_choose_elements_by_what_they_hold(client: httpx.AsyncClient) -> None:
    media = [{"contactType": "home", "preferred": True}, {"contactType": "work", "preferred": False}]
    made = await person(client, contactMedium=media)
    headers = {"Content-Type": "application/json-patch-query+json"}

    async def send(path: str) -> httpx.Response:
        operations = [{"op": "replace", "path": path, "value": True}]
        return await client.request("PATCH", made["href"], json=operations, headers=headers)

    answer = await send("/contactMedium/preferred?contactMedium.contactType=work")
    assert answer.status_code == 200, answer.text
    assert [medium["preferred"] for medium in answer.json()["contactMedium"]] == [True, True]
    assert refused(await send("$.contactMedium[?@.contactType=='x'].preferred"), 400, "invalidPatch")["path"] == "$[0]"


async def test_a_patch_of_another_kind_is_415(client: httpx.AsyncClient) -> None:
    made = await person(client)
    answer = await client.patch(made["href"], content=b"{}", headers={"Content-Type": "application/xml"})
    assert "application/merge-patch+json" in refused(answer, 415, "unsupportedPatch")["allowed"]


async def test_what_the_server_sets_cannot_be_patched(client: httpx.AsyncClient) -> None:
    made = await person(client)
    answer = await client.patch(made["href"], json={"id": "x", "href": None, "@type": "Y", "givenName": "Z"})
    body = refused(answer, 400, "notPatchable")
    assert {problem["path"] for problem in body["problems"]} == {"$.id", "$.href", "$.@type"}
    assert (await client.get(made["href"])).json() == made


async def test_if_match_of_another_version_is_412(client: httpx.AsyncClient) -> None:
    made = await person(client)
    first = await client.patch(made["href"], json={"givenName": "Second"}, headers={"If-Match": '"1"'})
    assert first.status_code == 200
    for tag in (b'"1"', b"x", b'"99999999999"', b"\xb2"):
        answer = await client.patch(made["href"], json={"givenName": "Third"}, headers={b"If-Match": tag})
        refused(answer, 412, "versionMoved")
    assert (await client.patch(made["href"], json={"givenName": "T"}, headers={"If-Match": "*"})).status_code == 200


async def test_an_illegal_move_is_409_and_says_what_may_follow(client: httpx.AsyncClient) -> None:
    made = await person(client)
    assert (await client.patch(made["href"], json={"status": "validated"})).status_code == 200
    body = refused(await client.patch(made["href"], json={"status": "initialized"}), 409, "illegalMove")
    assert (body["path"], body["allowed"]) == ("$.status", ["deceased"])
    refused(await client.patch(made["href"], json={"status": "asleep"}), 400, "unknownState")
    refused(await client.patch(made["href"], json={"status": None}), 400, "stateMissing")


# idempotency ------------------------------------------------------------------------------------------------------


async def test_a_repeated_request_is_answered_from_the_store(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "order-1"}
    first = await client.post(INDIVIDUALS, json=PERSON, headers=headers)
    again = await client.post(INDIVIDUALS, json=PERSON, headers=headers)
    assert (again.status_code, again.json(), again.headers["etag"]) == (201, first.json(), '"1"')
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    other = await client.post(INDIVIDUALS, json={**PERSON, "givenName": "Other"}, headers=headers)
    refused(other, 409, "idempotencyKeyReused")
    assert (await client.get(INDIVIDUALS)).headers["x-total-count"] == "1"


# the hub ----------------------------------------------------------------------------------------------------------


async def test_a_hub_subscription_is_made_read_and_ended(client: httpx.AsyncClient) -> None:
    wish = {"callback": "http://127.0.0.1:9/listener", "query": "eventType=IndividualCreateEvent"}
    made = await client.post(HUB, json=wish)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == made.json()["href"]
    assert made.json()["callback"] == wish["callback"]
    told = made.json()
    assert len(told.pop("secret")) == 43  # told once
    assert (await client.get(made.headers["location"])).json() == told
    assert (await client.get(HUB)).json() == [told]
    refused(await client.post(HUB, json=wish), 409, "alreadySubscribed")
    assert (await client.delete(made.headers["location"])).status_code == 204
    assert (await client.get(made.headers["location"])).status_code == 404
    for wrong in (b"", b"{", b"[]", b"{}", b'{"callback":7}', b'{"callback":"ftp://x"}'):
        answer = await client.post(HUB, content=wrong, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["@type"]) == (400, "Error"), wrong


async def test_the_state_of_an_order_follows_its_work_only(client: httpx.AsyncClient) -> None:
    item = {"id": "1", "action": "add", "service": {"name": "line"}}
    made = await client.post("/tmf-api/serviceOrdering/v4/serviceOrder", json={"serviceOrderItem": [item]})
    assert made.status_code == 201, made.text
    place = made.headers["location"]
    for state in ("inProgress", "cancelled"):
        said = refused(await client.patch(place, json={"state": state}), 409, "illegalMove")
        assert (said["path"], said.get("allowed", [])) == ("$.state", [])
        assert "none from this state" in said["message"]
    assert (await client.patch(place, json={"state": "acknowledged", "description": "x"})).status_code == 200
    assert (await client.get(place)).json()["state"] == "acknowledged"


async def test_what_a_domain_cannot_use_is_refused_when_it_is_changed_too(client: httpx.AsyncClient) -> None:
    pools = "/tmf-api/resourcePoolManagement/v4/resourcePool"
    made = await client.post(pools, json={"description": "numbers", "capacity": [], "@type": "ResourcePool"})
    assert made.status_code == 201, made.text
    answer = await client.patch(made.headers["location"], json={"quarantine": {"amount": -1, "units": "days"}})
    assert refused(answer, 422, "invalidQuarantine")["path"] == "$.quarantine"


@pytest.mark.parametrize("generation", [4, 5])
async def test_what_an_order_is_worked_by_is_settled_and_an_order_in_work_stays(
    at: Installation, client: httpx.AsyncClient, generation: int
) -> None:
    account = {"id": "account-1", "@type": "BillingAccount", "name": "a"}
    async with at.database.unit_of_work() as uow:
        await billing_accounts.create(uow, account, at.context, required=())
    path = f"/tmf-api/productOrderingManagement/v{generation}/productOrder"
    item = {"id": "1", "@type": "ProductOrderItem", "action": "noChange"}
    wanted = {"@type": "ProductOrder", "billingAccount": {"id": "account-1", "@type": "BillingAccountRef"}}
    order = (await client.post(path, json={**wanted, "productOrderItem": [item]})).json()
    one = f"{path}/{order['id']}"
    assert (await client.patch(one, json={"description": "for the shop"})).status_code == 200
    for patch in (
        {"productOrderItem": [{**item, "id": "2"}]},
        {"billingAccount": None},
        {"relatedParty": [{"@type": "RelatedPartyRefOrPartyRoleRef", "role": "x"}]},
        {"completionDate": "2020-01-01T00:00:00.000Z"},
    ):
        refused = await client.patch(one, json=patch)
        assert (refused.status_code, refused.json()["code"]) == (409, "settled"), patch
    refused = await client.delete(one)
    assert (refused.status_code, refused.json()["code"]) == (409, "notDeletable")
    odd = await client.post(path, json={**wanted, "productOrderItem": [{**item, "action": "foo"}]})
    assert (odd.status_code, odd.json()["code"]) == (400, "unknownValue")


async def test_one_is_not_true(client: httpx.AsyncClient) -> None:
    path = "/tmf-api/partyManagement/v5/individual"
    person = {"@type": "Individual", "familyName": "Line", "givenName": "Ada", "n": 1, "list": [0, {"a": 1}]}
    one = f"{path}/{(await client.post(path, json=person)).json()['id']}"
    for patch in ({"n": True}, {"list": [False, {"a": 1}]}, {"list": [False, {"a": True}]}, {"n": 1}):
        changed = (await client.patch(one, json=patch)).json()
        name = next(iter(patch))
        assert str(changed[name]) == str(patch[name])
        assert str((await client.get(one)).json()[name]) == str(patch[name])
