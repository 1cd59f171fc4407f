"""The Idempotency-Key header, through the HTTP frame."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from trunkline.kernel.db import Database
from trunkline.kernel.errors import Conflict
from trunkline.kernel.idempotency.edge import with_idempotency
from trunkline.kernel.web import Call, Credentials, Endpoint, Frame, Principal, Reply, Router


async def _authenticate(credentials: Credentials | None) -> Principal | None:
    if credentials is None:
        return None
    return Principal(tenant="north", id=credentials.secret, permissions=frozenset({"*"}))


async def _create(call: Call) -> Reply:
    note = call.body(dict[str, Any])["note"]
    async with call.unit_of_work() as uow:
        await uow.execute("insert into effect values ($1)", note)
        number = await uow.fetch_value("select count(*) from effect")
        if note == "refused":
            raise Conflict("refused", "Not this one.")
    headers = {"Location": f"/thing/{number}"}
    if note == "secret":
        headers["Cache-Control"] = "no-store"
    return Reply(201, {"number": number}, headers)


async def _swallow(call: Call) -> Reply:
    """A handler that catches what went wrong in its unit of work, and answers."""
    try:
        async with call.unit_of_work() as uow:
            await uow.execute("insert into effect values ('half')")
            raise Conflict("half", "Half done.")
    except Conflict:
        return Reply(200, {"done": False})


@pytest_asyncio.fixture
async def api(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    endpoints = [
        Endpoint("POST", "/thing", permission="thing:create", handler=_create, summary="Create"),
        Endpoint("POST", "/swallow", permission="thing:create", handler=_swallow, summary="Swallow"),
    ]
    app = Router(endpoints, Frame(database=database, authenticate=_authenticate, run=with_idempotency))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def _post(
    api: httpx.AsyncClient, note: str, key: str | None, *, actor: str = "anna", path: str = "/thing"
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {actor}"} | ({} if key is None else {"Idempotency-Key": key})
    return await api.post(path, json={"note": note}, headers=headers)


async def _effects(database: Database) -> list[str]:
    async with database.read() as session:
        return [row["note"] for row in await session.fetch("select note from effect order by note")]


async def test_the_second_time_is_answered_from_the_store(api: httpx.AsyncClient, database: Database) -> None:
    first = await _post(api, "a", "key-1")
    again = await _post(api, "a", "key-1")
    assert (first.status_code, first.json(), first.headers["location"]) == (201, {"number": 1}, "/thing/1")
    assert (again.status_code, again.json(), again.headers["location"]) == (201, {"number": 1}, "/thing/1")
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert await _effects(database) == ["a"]


async def test_without_a_key_each_is_done(api: httpx.AsyncClient, database: Database) -> None:
    assert [(await _post(api, "a", None)).json()["number"] for _ in range(2)] == [1, 2]


async def test_many_at_once_are_one(api: httpx.AsyncClient, database: Database) -> None:
    answers = await asyncio.gather(*(_post(api, "a", "key-1") for _ in range(30)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, b'{"number":1}')}
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 29
    assert await _effects(database) == ["a"]


async def test_other_input_and_other_people_are_refused(api: httpx.AsyncClient, database: Database) -> None:
    await _post(api, "a", "key-1")
    for answer in (await _post(api, "b", "key-1"), await _post(api, "a", "key-1", actor="ben")):
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotencyKeyReused")
    assert await _effects(database) == ["a"]


async def test_an_error_is_not_stored(api: httpx.AsyncClient, database: Database) -> None:
    for _ in range(2):
        answer = await _post(api, "refused", "key-1")
        assert (answer.status_code, answer.json()["code"]) == (409, "refused")
    assert await _effects(database) == []
    assert (await _post(api, "a", "key-1")).status_code == 201


async def test_a_handler_that_swallows_its_error_changes_nothing(api: httpx.AsyncClient, database: Database) -> None:
    for _ in range(2):
        answer = await _post(api, "", "key-1", path="/swallow")
        assert (answer.status_code, answer.json()) == (200, {"done": False})
        assert "idempotency-replayed" not in answer.headers
    assert await _effects(database) == []


async def test_a_secret_is_not_kept(api: httpx.AsyncClient, database: Database) -> None:
    assert (await _post(api, "secret", "key-1")).status_code == 201
    again = await _post(api, "secret", "key-1")
    assert (again.status_code, again.json()["code"]) == (409, "answerNotKept")
    assert await _effects(database) == ["secret"]


async def test_a_malformed_key_is_refused(api: httpx.AsyncClient, database: Database) -> None:
    answer = await _post(api, "a", "two words")
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotencyKey")
    assert await _effects(database) == []


# killed between ----------------------------------------------------------------------------------------------------


async def _arm(database: Database, trigger: str, timing: str) -> None:
    """Let PostgreSQL end the connection of whoever stores the effect "shot": at once, or not before the commit."""
    async with database.unit_of_work() as uow:
        await uow.execute("drop table if exists public.shots")
        await uow.execute("create table public.shots(fired bool)")
        await uow.execute(
            """create or replace function public.shoot() returns trigger language plpgsql as $$ begin
                 if new.note = 'shot' and exists (select 1 from public.shots) then
                   perform pg_terminate_backend(pg_backend_pid());
                 end if;
                 return null; end $$"""
        )
        await uow.execute(
            f"create constraint trigger {trigger} after insert on public.effect {timing} for each row execute function shoot()"
        )
        await uow.execute("insert into public.shots values (true)")


@pytest.mark.parametrize(
    ("trigger", "timing"), [("at_once", "not deferrable"), ("at_commit", "deferrable initially deferred")]
)
async def test_killed_between_effect_and_commit_nothing_is_kept_and_the_same_key_does_it(
    api: httpx.AsyncClient, database: Database, trigger: str, timing: str
) -> None:
    await _arm(database, trigger, timing)
    try:
        lost = await asyncio.gather(*(_post(api, "shot", f"key-{trigger}") for _ in range(4)))
        assert {answer.status_code for answer in lost} == {503}
        assert {answer.json()["code"] for answer in lost} == {"databaseUnavailable"}
        assert {answer.headers["retry-after"] for answer in lost} == {"1"}
        assert await _effects(database) == []
        async with database.unit_of_work() as uow:
            assert await uow.fetch_value("select count(*) from kernel.idempotency") == 0
            await uow.execute("truncate public.shots")
        answers = await asyncio.gather(*(_post(api, "shot", f"key-{trigger}") for _ in range(4)))
        assert {(answer.status_code, answer.content) for answer in answers} == {(201, b'{"number":1}')}
        assert await _effects(database) == ["shot"]
    finally:
        async with database.unit_of_work() as uow:
            await uow.execute(f"drop trigger {trigger} on public.effect")
