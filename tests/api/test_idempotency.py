"""A command sent twice with one Idempotency-Key has one effect and one answer: the commands of all domains, also when both
are under way at once. That each endpoint's effect joins the key's transaction is checked in tests/architecture."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from tests.support.installation import PASSWORD, Installation
from trunkline.kernel.ids import new_id

PARTY = "/tmf-api/partyManagement/v5"
OWN = "/trunkline/v1"
POOLS = "/tmf-api/resourcePoolManagement/v4/resourcePool"
DETAIL = b'Thu Jun  4 12:00:00 2026\n\tUser-Name = "anna"\n\tAcct-Status-Type = Start\n\tAcct-Session-Id = "1"\n\n'


class Command(msgspec.Struct, frozen=True):
    """What is sent: a method, a path, and what `httpx` takes beside them."""

    method: str
    path: str
    sent: dict[str, Any]


Maker = Callable[[httpx.AsyncClient], Awaitable[Command]]


def posting(path: str, body: Any) -> Maker:
    async def make(_client: httpx.AsyncClient) -> Command:
        return Command("POST", path, {"json": body})

    return make


async def patch_person(client: httpx.AsyncClient) -> Command:
    made = (await client.post(f"{PARTY}/individual", json={"familyName": "Line", "givenName": "First"})).json()
    return Command("PATCH", made["href"], {"json": {"familyName": "Other"}})


async def patch_principal(client: httpx.AsyncClient) -> Command:
    body = {"name": "Ben", "login": "ben", "password": "five words put together here"}
    made = (await client.post(f"{OWN}/principal", json=body)).json()
    return Command("PATCH", f"{OWN}/principal/{made['id']}", {"json": {"password": "other words put together here"}})


async def fill_pool(client: httpx.AsyncClient) -> Command:
    pool = {"name": "Addresses", "@type": "ResourcePool", "description": "IPv4"}
    made = (await client.post(POOLS, json=pool)).json()
    return Command("POST", f"{OWN}/resourcePool/{made['id']}/member", {"json": {"value": ["10.0.0.1", "10.0.0.2"]}})


async def import_file(_client: httpx.AsyncClient) -> Command:
    place = f"{OWN}/usageImport?file=detail&mapping=detail"
    return Command("POST", place, {"content": DETAIL, "headers": {"Content-Type": "application/octet-stream"}})


async def cancel_job(client: httpx.AsyncClient) -> Command:
    command = await import_file(client)
    job = (await client.request(command.method, command.path, **command.sent)).json()
    return Command("POST", f"{OWN}/job/{job['id']}/cancel", {})


async def move_clock(client: httpx.AsyncClient) -> Command:
    now = msgspec.convert((await client.get(f"{OWN}/clock")).json()["now"], type=datetime)
    return Command("POST", f"{OWN}/clock", {"json": {"now": (now + timedelta(hours=1)).isoformat()}})


ACCOUNTING = {
    name: {"type": "string", "value": [value]}
    for name, value in {
        "User-Name": "anna",
        "Acct-Status-Type": "Start",
        "Acct-Session-Id": "s-1",
        "NAS-Identifier": "bng-1",
        "Event-Timestamp": "Jun  4 2026 12:00:00 UTC",
    }.items()
}
COMMANDS: dict[str, Maker] = {
    "create a record": posting(f"{PARTY}/individual", {"familyName": "Line", "givenName": "First"}),
    "create one of the older generation": posting(
        "/tmf-api/partyManagement/v4/individual", {"familyName": "Line", "givenName": "First"}
    ),
    "change a record": patch_person,
    "subscribe": posting(f"{PARTY}/hub", {"callback": "http://203.0.113.7/heard"}),
    "check a qualification": posting(
        "/tmf-api/geographicAddressManagement/v4/geographicAddressValidation",
        {"provideAlternative": False, "submittedGeographicAddress": {"country": "NL", "city": "Delft"}},
    ),
    "run bills": posting(f"{OWN}/billRun", {"cutOffDate": "2026-01-01"}),
    "reprocess usage": posting(f"{OWN}/usageSuspense/reprocess", {}),
    "import a file": import_file,
    "cancel a job": cancel_job,
    "fill a pool": fill_pool,
    "add a principal": posting(
        f"{OWN}/principal", {"name": "Anna", "login": "anna", "password": "five words put together"}
    ),
    "change a principal": patch_principal,
    "add a role": posting(f"{OWN}/role", {"name": "reader", "permissions": ["customer:read"]}),
    "account": posting("/radius/accounting", ACCOUNTING),
    "move the clock": move_clock,
}


@pytest.fixture
async def client(at: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with at.client() as opened:
        yield opened


async def traces(at: Installation) -> dict[str, int]:
    """What a command leaves behind: entries of the audit trail, events, usage, jobs, pool members, clocks moved."""
    tables = (
        "kernel.audit",
        "kernel.outbox",
        "usage.raw_record",
        "kernel.job",
        "resource_pool.member",
        "cdr_files.upload",
    )
    async with at.database.read() as session:
        return {
            table: await session.fetch_value(f"select count(*) from {table} where tenant = $1", at.context.tenant)
            for table in tables
        }


def same(answers: list[httpx.Response]) -> bool:
    first = answers[0]
    return all(
        (one.status_code, one.content, one.headers.get("location"), one.headers.get("etag"))
        == (first.status_code, first.content, first.headers.get("location"), first.headers.get("etag"))
        for one in answers
    )


@pytest.mark.parametrize("name", COMMANDS)
async def test_four_at_once_are_one_and_later_ones_are_answered_from_the_store(
    at: Installation, client: httpx.AsyncClient, name: str
) -> None:
    command = await COMMANDS[name](client)
    before = await traces(at)

    async def send(key: str) -> httpx.Response:
        headers = {**command.sent.get("headers", {}), "Idempotency-Key": key}
        return await client.request(command.method, command.path, **{**command.sent, "headers": headers})

    key = new_id()
    answers = list(await asyncio.gather(*(send(key) for _ in range(4))))
    assert answers[0].status_code < 300, answers[0].text
    assert same(answers)
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 3
    after = await traces(at)
    assert name == "reprocess usage" or after != before
    assert same([answers[0], await send(key)])
    assert await traces(at) == after
    if name not in ("add a principal", "add a role", "change a record", "fill a pool", "account", "cancel a job"):
        assert "idempotency-replayed" not in (await send(new_id())).headers


async def test_an_answer_that_holds_a_secret_is_not_kept_but_its_command_is_done_once(
    at: Installation, client: httpx.AsyncClient
) -> None:
    headers = {"Idempotency-Key": new_id()}
    first = await client.post(f"{OWN}/key", json={"name": "new"}, headers=headers)
    assert first.status_code == 201
    again = await client.post(f"{OWN}/key", json={"name": "new"}, headers=headers)
    assert (again.status_code, again.json()["code"]) == (409, "answerNotKept")
    assert [key["name"] for key in (await client.get(f"{OWN}/key")).json()].count("new") == 1
    async with at.database.read() as session:
        kept = await session.fetch_row("select * from kernel.idempotency where tenant = $1", at.context.tenant)
    assert kept is not None
    assert first.json()["key"].encode() not in b"".join(
        bytes(value) for value in kept.values() if isinstance(value, bytes)
    )


async def test_ones_own_password_changes_once_and_an_attempt_that_fails_is_counted(at: Installation) -> None:
    async with at.client("") as stranger:
        opened = (await stranger.post(f"{OWN}/session", json={"login": "admin", "password": PASSWORD})).json()
    async with at.client(opened["token"]) as person:
        wrong = {"current": "four words put wrongly", "new": "six other words put together"}
        headers = {"Idempotency-Key": new_id()}
        refused = await person.post(f"{OWN}/session/changePassword", json=wrong, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "wrongPassword")
        async with at.database.read() as session:
            counted = "select sum(failures) from kernel.login_failure where tenant = $1"
            assert await session.fetch_value(counted, at.context.tenant) == 1
        right = {**wrong, "current": PASSWORD}
        headers = {"Idempotency-Key": new_id()}
        answers = [await person.post(f"{OWN}/session/changePassword", json=right, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [204, 204], answers[1].text
        assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, "true"]
    async with at.database.read() as session:
        changes = "select count(*) from kernel.audit where tenant = $1 and action = 'changePassword'"
        assert await session.fetch_value(changes, at.context.tenant) == 1
