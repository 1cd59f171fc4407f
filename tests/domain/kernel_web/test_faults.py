"""What PostgreSQL and its driver refuse, as answers: provoked on a real server, one for each class of SQLSTATE."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from trunkline.kernel.db import Database
from trunkline.kernel.web import Call, Credentials, Endpoint, Frame, Principal, Reply, Router

pytestmark = pytest.mark.pg_matrix


async def _anyone(_credentials: Credentials | None) -> Principal:
    return Principal(tenant="north", id="anna", permissions=frozenset({"*"}))


class Statement:
    """An endpoint that runs what the test says, in the request's unit of work."""

    def __init__(self) -> None:
        self.sql = ""
        self.args: tuple[Any, ...] = ()
        self.error: Exception | None = None

    async def run(self, call: Call) -> Reply:
        if self.error is not None:
            raise self.error
        async with call.unit_of_work() as uow:
            return Reply(200, {"value": str(await uow.fetch_value(self.sql, *self.args))})


@pytest.fixture
def statement() -> Statement:
    return Statement()


@pytest_asyncio.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    found = await Database.connect(database_dsn, max_size=4)
    async with found.unit_of_work() as uow:
        await uow.execute("drop table if exists public.part, public.thing")
        await uow.execute("create table public.thing(name text primary key, size int not null check (size > 0))")
        await uow.execute("create table public.part(thing text references public.thing)")
        await uow.execute("insert into public.thing values ('here', 1)")
        await uow.execute("insert into public.part values ('here')")
    yield found
    await found.close()


@pytest_asyncio.fixture
async def api(database: Database, statement: Statement) -> AsyncIterator[httpx.AsyncClient]:
    endpoint = Endpoint("GET", "/run", permission="", handler=statement.run, summary="Run")
    app = Router([endpoint], Frame(database=database, authenticate=_anyone))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        yield client


_END_SLEEPERS = """select bool_or(pg_terminate_backend(pid)) from pg_stat_activity
    where datname = current_database() and query = 'select pg_sleep(30)' and state = 'active'"""
EAST, FAR = timezone(timedelta(hours=14)), datetime(9999, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sql", "args", "status", "code"),
    [
        ("select $1::int", (2**40,), 400, "invalidValue"),
        ("select $1::bigint", (2**70,), 400, "invalidValue"),
        ("select $1::int + 1", (2**31 - 1,), 400, "invalidValue"),
        ("select $1::numeric(5, 2)", (Decimal("1e10"),), 400, "invalidValue"),
        ("select $1::text", ("a\x00",), 400, "invalidValue"),
        ("select $1::text", ("a\ud800",), 400, "invalidValue"),
        ("select $1::jsonb", ('"\\u0000"',), 400, "invalidValue"),
        ("select $1::timestamptz", (datetime(1, 1, 1, tzinfo=EAST),), 400, "invalidValue"),
        ("select $1::timestamptz + interval '300000 years'", (FAR,), 400, "invalidValue"),
        ("insert into public.thing values ($1, 1) returning 1", ("".join(map(chr, range(256, 9000))),), 400, "valueTooLarge"),
        ("select " + "+".join(["1"] * 100_000), (), 400, "valueTooLarge"),
        ("insert into public.thing values ('here', 1) returning 1", (), 409, "alreadyThere"),
        ("insert into public.part values ('nowhere') returning 1", (), 409, "inUse"),
        ("delete from public.thing returning 1", (), 409, "inUse"),
        ("insert into public.thing values ('small', 0) returning 1", (), 400, "invalidValue"),
        ("insert into public.thing values ('none', null) returning 1", (), 400, "invalidValue"),
    ],
)  # fmt: skip
async def test_a_value_that_no_check_stopped_is_refused_and_logged(
    api: httpx.AsyncClient,
    statement: Statement,
    sql: str,
    args: tuple[Any, ...],
    status: int,
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    statement.sql, statement.args = sql, args
    answer = await api.get("/run")
    body = answer.json()
    assert (answer.status_code, body["code"], body["status"]) == (status, code, str(status))
    assert "retry-after" not in answer.headers
    assert [record.levelno for record in caplog.records if record.name == "trunkline.web"] == [logging.ERROR]
    statement.sql, statement.args = "select name from public.thing", ()
    assert (await api.get("/run")).json() == {"value": "here"}


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("set local lock_timeout = '50ms'; lock table public.part", "busy"),
        ("set local statement_timeout = '50ms'; select pg_sleep(5)", "busy"),
        ("set transaction read only; insert into public.part values (null)", "databaseUnavailable"),
        ("do $$ begin raise sqlstate '40001'; end $$", "busy"),
        ("do $$ begin raise sqlstate '40P01'; end $$", "busy"),
        ("do $$ begin raise sqlstate '53100'; end $$", "databaseFull"),
        ("do $$ begin raise sqlstate '53200'; end $$", "databaseFull"),
        ("do $$ begin raise sqlstate '53300'; end $$", "busy"),
        ("do $$ begin raise sqlstate '57P03'; end $$", "databaseUnavailable"),
    ],
)
async def test_what_passes_is_503_with_a_time_to_try_again(
    api: httpx.AsyncClient, statement: Statement, database: Database, sql: str, code: str
) -> None:
    words = [sql] if sql.startswith("do") else sql.split("; ")

    async def handler(call: Call) -> Reply:
        async with call.unit_of_work() as uow:
            for one in words:
                await uow.execute(one)
        return Reply(204)

    app = Router([Endpoint("GET", "/run", "", handler, "Run")], Frame(database=database, authenticate=_anyone))
    async with (
        database.unit_of_work() as other,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client,
    ):
        await other.execute("lock table public.part in access share mode")
        answer = await client.get("/run")
    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert int(answer.headers["retry-after"]) >= 1
    statement.sql = "select 1"
    assert (await api.get("/run")).status_code == 200


async def test_a_connection_that_ends_in_the_middle_is_503_and_the_next_one_works(
    api: httpx.AsyncClient, statement: Statement, database: Database
) -> None:
    statement.sql = "select pg_sleep(30)"
    asked = asyncio.create_task(api.get("/run"))
    async with database.read() as session:
        for _ in range(500):
            if await session.fetch_value(_END_SLEEPERS):
                break
            await asyncio.sleep(0.02)
    answer = await asked
    assert (answer.status_code, answer.json()["code"]) == (503, "databaseUnavailable")
    assert answer.headers["retry-after"] == "1"
    statement.sql = "select 1"
    assert (await api.get("/run")).status_code == 200


@pytest.mark.parametrize(
    "error", [asyncpg.InternalClientError("broken"), ConnectionResetError(104, "reset"), TimeoutError()]
)
async def test_no_answer_from_what_we_need_is_503(
    api: httpx.AsyncClient, statement: Statement, error: Exception
) -> None:
    statement.error = error
    answer = await api.get("/run")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (
        503,
        "databaseUnavailable",
        "1",
    )


@pytest.mark.parametrize("sql", ["select nothing", "selec", "select * from public.nowhere"])
async def test_a_mistake_of_ours_stays_a_500_that_says_nothing_of_it(
    api: httpx.AsyncClient, statement: Statement, sql: str
) -> None:
    statement.sql = sql
    answer = await api.get("/run")
    assert (answer.status_code, answer.json()["code"]) == (500, "internalError")
    assert sql not in answer.text
    assert answer.json()["correlationId"] == answer.headers["x-correlation-id"]
