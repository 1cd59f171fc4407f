"""The store of answers: one effect, the same answer, other input refused."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import Conflict, Invalid
from trunkline.kernel.idempotency import StoredAnswer, input_hash, purge, remember, store_answer

ANSWER = StoredAnswer(status=201, answer=b'{"id":"1"}')


def context(database: Database, tenant: str = "north") -> Context:
    return Context(tenant=tenant, actor="user-7", channel="api", now=database.clock.now(), correlation_id="cause-1")


async def command(
    database: Database, key: str, body: str, *, operation: str = "POST /order", tenant: str = "north"
) -> StoredAnswer:
    """A command with an effect, as the HTTP edge would run it."""
    who = context(database, tenant)
    async with database.unit_of_work() as uow:
        stored = await remember(uow, who, key, operation, input_hash("user-7", body))
        if stored is None:
            await uow.execute("insert into effect values ($1)", body)
            await store_answer(uow, who, key, ANSWER)
            stored = ANSWER
    return stored


async def effects(database: Database) -> list[str]:
    async with database.read() as session:
        return [row["note"] for row in await session.fetch("select note from effect order by note")]


async def test_a_hundred_duplicates_at_once_have_one_effect_and_one_answer(database: Database) -> None:
    answers = await asyncio.gather(*(command(database, "key-1", "a") for _ in range(100)))
    assert answers == [ANSWER] * 100
    assert await effects(database) == ["a"]


async def test_another_input_or_operation_is_refused_and_changes_nothing(database: Database) -> None:
    await command(database, "key-1", "a")
    for body, operation in (("b", "POST /order"), ("a", "POST /refund")):
        with pytest.raises(Conflict) as refused:
            await command(database, "key-1", body, operation=operation)
        assert refused.value.code == "idempotencyKeyReused"
    assert await effects(database) == ["a"]
    assert await command(database, "key-1", "b", tenant="south") == ANSWER  # another tenant's keys are its own
    assert await effects(database) == ["a", "b"]


async def test_a_command_that_failed_leaves_its_key_free(database: Database) -> None:
    async def fail() -> None:
        async with database.unit_of_work() as uow:
            assert await remember(uow, context(database), "key-1", "POST /order", input_hash("a")) is None
            await uow.execute("insert into effect values ('half')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await effects(database) == []
    assert await command(database, "key-1", "b") == ANSWER
    assert await effects(database) == ["b"]


@pytest.mark.parametrize("key", ["", "a b", "ä", "a\x00", "a\n", "x" * 256])
async def test_a_malformed_key_is_refused(database: Database, key: str) -> None:
    with pytest.raises(Invalid) as refused:
        await command(database, key, "a")
    assert (refused.value.code, refused.value.path) == ("idempotencyKey", "Idempotency-Key")
    assert await effects(database) == []


async def test_keys_are_forgotten_after_seven_days_of_wall_time_wherever_the_clock_is(database: Database) -> None:
    wall = database.clock.wall()
    ahead = msgspec.structs.replace(context(database), now=wall + timedelta(days=31))
    async with database.unit_of_work() as uow:
        assert await remember(uow, ahead, "moved", "test", b"hash") is None
        await store_answer(uow, ahead, "moved", ANSWER)
    await command(database, "key-1", "a")
    async with database.unit_of_work() as uow:
        assert await purge(uow, wall + timedelta(days=6, hours=23)) == 0
    assert await command(database, "key-1", "a") == ANSWER
    async with database.unit_of_work() as uow:
        assert await purge(uow, wall + timedelta(days=7, minutes=1)) == 2
    await command(database, "key-1", "b")
    assert await effects(database) == ["a", "b"]


def test_the_hash_tells_parts_apart() -> None:
    assert input_hash("ab", "c") != input_hash("a", "bc")
    assert input_hash("a", b"b") == input_hash(b"a", "b")
    assert len(input_hash()) == 32
