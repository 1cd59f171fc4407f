"""A usage sent over TMF635: rated or held like any other, refused with the field's path, never counted twice."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.domain.usage.conftest import NOON, Operator
from tests.support.installation import Installation, installation
from trunkline.bss.usage import api, facade
from trunkline.bss.usage.resources import usages
from trunkline.kernel.db import Database
from trunkline.kernel.tmf.router import resource_endpoints

PATH = "/tmf-api/usageManagement/v4/usage"


@pytest.fixture
async def running(database_dsn: str) -> AsyncIterator[Installation]:
    own = api.endpoints()
    taken = {(endpoint.method, endpoint.path) for endpoint in own}
    engine = [e for e in resource_endpoints(usages) if (e.method, e.path) not in taken]
    async with installation(database_dsn, [*own, *engine]) as opened:
        yield opened


def usage(**more: Any) -> dict[str, Any]:
    """450 MB of alice, as a partner's mediation sends it."""
    values = {"identifier": "alice", "quantity": 450, "unit": "MB"} | more.pop("values", {})
    characteristics = [{"name": name, "value": value} for name, value in values.items() if value is not None]
    return {
        "usageDate": "2026-06-30T12:00:00Z",
        "usageType": "data",
        "usageCharacteristic": characteristics,
        "usageSpecification": {"id": "data"},
        "relatedParty": [{"id": "partner-1"}],
        **more,
    }


async def post(running: Installation, document: dict[str, Any], **options: Any) -> httpx.Response:
    async with running.client() as client:
        return await client.post(PATH, json=document, **options)


async def counts(database: Database, tenant: str) -> dict[str, int]:
    async with database.read() as session:
        rows = await session.fetch(
            "select outcome, count(*) as n from usage.raw_record where tenant = $1 group by 1", tenant
        )
    return {row["outcome"]: row["n"] for row in rows}


async def test_a_usage_of_a_known_user_is_rated_and_shown(running: Installation) -> None:
    operator = Operator(running.database)
    operator.context = running.context
    product = await operator.product("0.10")
    await operator.bind("alice", product, since=NOON.replace(day=1))
    answer = await post(running, usage(id="u-1", partnerTicket=7))
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    assert answer.headers["location"] == shown["href"] == f"{PATH}/u-1"
    assert (shown["status"], shown["usageDate"]) == ("rated", "2026-06-30T12:00:00.000Z")
    (rated,) = shown["ratedProductUsage"]
    assert (rated["taxExcludedRatingAmount"], rated["productRef"]["id"]) == (
        {"@type": "Money", "unit": "EUR", "value": 0.045},
        product,
    )
    async with running.client() as client:
        assert (await client.get(f"{PATH}/u-1")).json() == shown
        raw = (await client.get("/trunkline/v1/usage/u-1/rawRecord")).json()
    assert raw["body"]["partnerTicket"] == 7
    totals = await operator.totals()
    assert [(total.quantity, total.records) for total in totals] == [(450_000_000, 1)]
    async with running.database.read() as session:
        told = await session.fetch(
            "select type, resource_id from kernel.outbox where tenant = $1", operator.context.tenant
        )
        assert [tuple(row) for row in told if row["type"].startswith("Usage")] == [("UsageCreateEvent", "u-1")]
        assert await facade.usage_findings(session, operator.context) == []


async def test_a_usage_of_nobody_we_know_is_taken_and_held(running: Installation) -> None:
    answer = await post(running, usage(values={"identifier": "nobody"}))
    assert (answer.status_code, answer.json()["status"]) == (201, "received")
    assert answer.json()["description"].startswith("unknown-user")
    assert await counts(running.database, running.context.tenant) == {"suspended": 1}


async def test_the_same_record_is_not_taken_twice(running: Installation) -> None:
    numbered = usage(values={"recordKey": "r-1"})
    assert (await post(running, numbered)).status_code == 201
    again = await post(running, numbered)
    assert (again.status_code, again.json()["code"]) == (409, "recordKnown")
    assert again.json()["path"] == "$.usageCharacteristic[3].value"
    assert (await post(running, usage(id="u-1"))).status_code == 201
    taken = await post(running, usage(id="u-1", usageType="voice"))
    assert (taken.status_code, taken.json()["code"], taken.json()["path"]) == (409, "idTaken", "$.id")
    assert await counts(running.database, running.context.tenant) == {"suspended": 2}


@pytest.mark.parametrize(
    ("document", "paths"),
    [
        (usage(values={"quantity": None, "unit": None}), ["$.usageCharacteristic", "$.usageCharacteristic"]),
        (usage(values={"quantity": -1}), ["$.usageCharacteristic[1].value"]),
        (usage(values={"quantity": 1.5}), ["$.usageCharacteristic[1].value"]),
        (usage(values={"quantity": True}), ["$.usageCharacteristic[1].value"]),
        (usage(values={"quantity": 10**30}), ["$.usageCharacteristic[1].value"]),
        (usage(values={"unit": "parsec"}), ["$.usageCharacteristic[2].value"]),
        (usage(values={"identifier": ""}), ["$.usageCharacteristic[0].value"]),
        (usage(values={"identifierKind": "shoe"}), ["$.usageCharacteristic[3].value"]),
        (usage(usageDate="soon"), ["$.usageDate"]),
        (usage(usageCharacteristic="x"), ["$.usageCharacteristic"]),
        (usage(id=""), ["$.id"]),
    ],
)
async def test_what_is_wrong_is_refused_with_its_path_and_nothing_is_kept(
    running: Installation, document: dict[str, Any], paths: list[str]
) -> None:
    answer = await post(running, document)
    body = answer.json()
    assert answer.status_code == 400, body
    assert [problem["path"] for problem in body.get("problems", [body])] == paths
    assert await counts(running.database, running.context.tenant) == {}


# reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("usageCharacteristic.identifier=alice", ["u-1"]),
        ("usageCharacteristic.quantity.gt=450000000", ["u-2"]),
        ("usageCharacteristic.identifier.regex=%5Eb", ["u-2"]),
        ("usageCharacteristic.identifier.ne=alice", ["u-2"]),
        ("usageCharacteristic.nothing=alice", []),
        ("ratedProductUsage.productRef.id=nothing", []),
        ("usageSpecification.id=nothing", []),
        ("usageCharacteristic.name=unit", ["u-1", "u-2"]),
    ],
)
async def test_what_no_index_serves_is_found_in_the_documents(
    running: Installation, query: str, found: list[str]
) -> None:
    assert (await post(running, usage(id="u-1"))).status_code == 201
    assert (await post(running, usage(id="u-2", values={"identifier": "bob", "quantity": 451}))).status_code == 201
    async with running.client() as client:
        answer = await client.get(f"{PATH}?{query}")
        assert answer.status_code == 200, answer.text
        assert sorted(one["id"] for one in answer.json()) == found


async def test_a_usage_keeps_no_versions_and_is_not_changed(running: Installation) -> None:
    assert (await post(running, usage(id="u-1"))).status_code == 201
    async with running.client() as client:
        past = await client.get(f"{PATH}/u-1", params={"asOf": "2026-06-30T12:00:00Z"})
        assert (past.status_code, past.json()["code"], past.json()["path"]) == (400, "notOffered", "asOf")
        for method in ("PATCH", "DELETE"):
            answer = await client.request(method, f"{PATH}/u-1", json={"status": "billed"})
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
