"""Hearing notifications through the absence of the server: nobody who listens ends with it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
import pytest_asyncio

from trunkline.kernel.db import Database
from trunkline.kernel.events.inbox import Consumers
from trunkline.kernel.events.relay import Relay
from trunkline.kernel.events.runner import EventRunner
from trunkline.kernel.security.authenticator import Authenticator
from trunkline.kernel.security.contracts import SecuritySettings

_CUT = """select pg_terminate_backend(pid) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid()"""


@pytest_asyncio.fixture
async def database(own_database_dsn: str) -> AsyncIterator[Database]:
    opened = await Database.connect(own_database_dsn)
    yield opened
    await opened.close()


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not check():  # noqa: ASYNC110  # what is looked at is set by others
            await asyncio.sleep(0.02)


async def away(database: Database, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """Cut every connection and refuse new ones until `meanwhile` is done."""

    async def refuse(*_: object, **__: object) -> object:
        raise ConnectionRefusedError("nobody is there")

    with monkeypatch.context() as patched:
        async with database.read() as session:
            patched.setattr(asyncpg, "connect", refuse)
            await session.fetch(_CUT)
        await meanwhile()


async def test_it_hears_again_and_says_that_something_may_have_been_missed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    hearing = asyncio.create_task(
        database.listening({"proof": heard.append}, lambda: heard.append("connected"), lambda: heard.append("lost"))
    )
    await until(lambda: heard == ["connected"])

    async def lost() -> None:
        await until(lambda: "lost" in heard)
        await asyncio.sleep(1)  # several attempts to connect are refused

    await away(database, monkeypatch, lost)
    await until(lambda: heard == ["connected", "lost", "connected"])
    async with database.read() as session:
        await session.fetch("select pg_notify('proof', 'hello')")
    await until(lambda: heard[-1] == "hello")
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)
    assert heard[-1] == "lost"


async def test_worker_and_security_outlive_a_server_that_is_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = asyncio.Event()
    runner = EventRunner(database, relay=Relay(database, ()), consumers=Consumers(database, ()))
    working = asyncio.create_task(runner.run(stop))
    authenticator = Authenticator(database, SecuritySettings())
    await authenticator.start()
    await until(lambda: authenticator._listening)

    async def a_while() -> None:
        await until(lambda: not authenticator._listening)
        await asyncio.sleep(1.5)

    await away(database, monkeypatch, a_while)
    await until(lambda: authenticator._listening)
    assert not working.done()
    stop.set()
    await working
    await authenticator.close()
