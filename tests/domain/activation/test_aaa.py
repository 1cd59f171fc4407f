"""AAA subscribers: put, suspended, removed; a secret that only the key's holder sees."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import Invalid, NotFound, Precondition
from trunkline.oss.activation import aaa
from trunkline.oss.activation.sealing import OpeningKey, load_key

CONTEXT = Context(
    tenant="t1", actor="test", channel="worker", now=datetime(2026, 6, 11, 13, 20, tzinfo=UTC), correlation_id="c1"
)
ALICE = aaa.PutSubscriber(
    user_name="alice",
    secret="correct horse",
    service_id="s-1",
    framed_ip="100.64.1.10",
    profile="500/250",
    downstream_bit_s=500_000_000,
    upstream_bit_s=250_000_000,
)


@pytest.fixture
async def database(own_database_dsn: str) -> AsyncIterator[Database]:
    opened = await Database.connect(own_database_dsn)
    yield opened
    await opened.close()


@pytest.fixture
async def key(database: Database, tmp_path: Path) -> OpeningKey:
    key = load_key(tmp_path)
    async with database.unit_of_work() as uow:
        await aaa.publish_key(uow, key)
    return key


async def put(database: Database, command: aaa.PutSubscriber) -> aaa.Subscriber:
    async with database.unit_of_work() as uow:
        return await aaa.put_subscriber(uow, command, CONTEXT)


async def test_put_find_and_open(database: Database, key: OpeningKey) -> None:
    stored = await put(database, ALICE)
    async with database.read() as session:
        assert await aaa.find_subscriber(session, "alice", CONTEXT) == stored
        assert await aaa.secret_of(session, "alice", key, CONTEXT) == "correct horse"
        everything = [
            str(dict(row))
            for table in ("activation.aaa_subscriber", "kernel.audit", "kernel.outbox")
            for row in await session.fetch(f"select * from {table}")
        ]
    assert (stored.framed_ip, stored.downstream_bit_s, stored.state) == ("100.64.1.10", 500_000_000, "active")
    assert "correct horse" not in "".join(everything)
    assert "correct horse" not in repr(ALICE)
    assert "correct horse" not in repr(stored)


async def test_putting_again_without_secret_keeps_it_and_with_one_changes_it(
    database: Database, key: OpeningKey
) -> None:
    await put(database, ALICE)
    changed = await put(database, msgspec.structs.replace(ALICE, secret=None, downstream_bit_s=1_000_000_000))
    async with database.read() as session:
        assert changed.downstream_bit_s == 1_000_000_000
        assert await aaa.secret_of(session, "alice", key, CONTEXT) == "correct horse"
    await put(database, msgspec.structs.replace(ALICE, secret="battery"))
    async with database.read() as session:
        assert await aaa.secret_of(session, "alice", key, CONTEXT) == "battery"


async def test_suspend_and_remove(database: Database, key: OpeningKey) -> None:
    await put(database, ALICE)
    async with database.unit_of_work() as uow:
        assert (await aaa.set_state(uow, "alice", aaa.SubscriberState.SUSPENDED, CONTEXT)).state == "suspended"
    async with database.unit_of_work() as uow:
        assert await aaa.remove_subscriber(uow, "alice", CONTEXT) is True
        assert await aaa.remove_subscriber(uow, "alice", CONTEXT) is False
    async with database.read() as session:
        assert await aaa.list_subscribers(session, CONTEXT) == []
        with pytest.raises(NotFound):
            await aaa.secret_of(session, "alice", key, CONTEXT)


async def test_refusals_change_nothing(database: Database, key: OpeningKey) -> None:
    wrong = aaa.PutSubscriber(user_name="", secret="x", service_id="s", framed_ip="10.0.0.300", upstream_bit_s=0)
    with pytest.raises(Invalid) as refused:
        await put(database, wrong)
    assert [problem.path for problem in refused.value.problems] == ["$.userName", "$.framedIp", "$.upstreamBitS"]
    with pytest.raises(Precondition):
        await put(database, msgspec.structs.replace(ALICE, secret=None))
    async with database.read() as session:
        assert await aaa.list_subscribers(session, CONTEXT) == []


async def test_a_lost_key_file_is_seen_at_start(database: Database, key: OpeningKey, tmp_path: Path) -> None:
    async with database.unit_of_work() as uow:
        await aaa.publish_key(uow, key)
    with pytest.raises(Precondition) as refused:
        async with database.unit_of_work() as uow:
            await aaa.publish_key(uow, load_key(tmp_path / "elsewhere"))
    assert refused.value.code == "anotherSealingKey"
