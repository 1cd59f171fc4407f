"""A pool's members: one holder each, rest after use where the pool says so, and every wait ends by the clock."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import Conflict, NotFound, Unprocessable
from trunkline.oss.resource_pool import facade as pools
from trunkline.oss.resource_pool.resources import resource_pools

START = datetime(2026, 6, 11, 13, 20, tzinfo=UTC)
NIGHTS = {"amount": 2, "units": "days"}


def at(after: timedelta = timedelta(0), tenant: str = "t1") -> Context:
    return Context(tenant=tenant, actor="test", channel="worker", now=START + after, correlation_id="c1")


@pytest.fixture
async def database(own_database_dsn: str) -> AsyncIterator[Database]:
    opened = await Database.connect(own_database_dsn)
    async with opened.unit_of_work() as uow:
        for tenant in ("t1", "t2"):
            await resource_pools.create(
                uow, {"@type": "ResourcePool", "id": "numbers", "quarantine": NIGHTS}, at(tenant=tenant)
            )
            await resource_pools.create(uow, {"@type": "ResourcePool", "id": "ports"}, at(tenant=tenant))
            await pools.add_members(uow, "numbers", ["100", "101", "102"], at(tenant=tenant))
            await pools.add_members(uow, "ports", ["1", "2"], at(tenant=tenant))
    yield opened
    await opened.close()


async def hold(database: Database, pool: str, holder: str, *, hours: int | None = None, tenant: str = "t1") -> str:
    async with database.unit_of_work() as uow:
        hold_for = None if hours is None else timedelta(hours=hours)
        return (await pools.reserve(uow, pool, holder, at(tenant=tenant), hold_for=hold_for)).value


async def members(database: Database, pool: str, tenant: str = "t1") -> dict[str, tuple[str, datetime | None]]:
    async with database.read() as session:
        found = await pools.list_members(session, pool, at(tenant=tenant))
    return {member.value: (member.state.value, member.until) for member in found}


async def trail(database: Database) -> list[tuple[str, dict[str, str | None]]]:
    async with database.read() as session:
        rows = await session.fetch(
            "select action, after from kernel.audit where resource = 'resourcePool' and action not in "
            "('create', 'addMembers') order by id"
        )
    return [(row["action"], msgspec.json.decode(row["after"])) for row in rows]


async def test_what_is_given_back_rests_where_the_pool_says_so_and_is_free_when_the_time_has_passed(
    database: Database,
) -> None:
    assert (await hold(database, "numbers", "sim-1"), await hold(database, "ports", "sim-1")) == ("100", "1")
    async with database.unit_of_work() as uow:
        await pools.allocate(uow, "numbers", "sim-1", at())
        assert await pools.release(uow, "sim-1", at(timedelta(hours=1))) == 2
        assert await pools.release(uow, "sim-1", at(timedelta(hours=1))) == 0
    rests_until = START + timedelta(hours=1, days=2)
    assert (await members(database, "numbers"))["100"] == ("quarantined", rests_until)
    assert (await members(database, "ports"))["1"] == ("free", None)
    assert await hold(database, "numbers", "sim-2") == "101"  # a number that rests is nobody's
    async with database.unit_of_work() as uow:
        with pytest.raises(Conflict) as taken:
            await pools.reserve(uow, "numbers", "sim-3", at(), hold_for=None, value="100")
        assert taken.value.code == "memberTaken"
        assert await pools.end_quarantines(uow, at(timedelta(hours=1, days=2, seconds=-1))) == 0
    async with database.unit_of_work() as uow:
        assert await pools.end_quarantines(uow, at(timedelta(hours=1, days=2))) == 1
    async with database.unit_of_work() as uow:
        assert await pools.end_quarantines(uow, at(timedelta(hours=1, days=2))) == 0
    assert (await members(database, "numbers"))["100"] == ("free", None)
    assert await hold(database, "numbers", "sim-3") == "100"
    by_action = [action for action, _ in await trail(database)]
    assert by_action == [
        *("reserve", "reserve", "allocate", "release", "release"),
        *("reserve", "endQuarantine", "reserve"),
    ]
    assert ("endQuarantine", {"value": "100", "state": "free", "holder": None}) in await trail(database)


async def test_a_reservation_that_ran_out_rests_as_well_and_another_tenants_stays(database: Database) -> None:
    for tenant in ("t1", "t2"):
        assert await hold(database, "numbers", "sim-1", hours=3, tenant=tenant) == "100"
    assert await hold(database, "ports", "sim-1", hours=3) == "1"
    async with database.unit_of_work() as uow:
        assert await pools.expire(uow, at(timedelta(hours=3, seconds=-1))) == 0
    async with database.unit_of_work() as uow:
        assert await pools.expire(uow, at(timedelta(hours=3))) == 2
    assert (await members(database, "numbers"))["100"] == ("quarantined", START + timedelta(hours=3, days=2))
    assert (await members(database, "ports"))["1"] == ("free", None)
    assert (await members(database, "numbers", "t2"))["100"] == ("reserved", START + timedelta(hours=3))
    assert [action for action, _ in await trail(database)][-2:] == ["expire", "expire"]


async def test_a_batch_is_bounded_and_movers_beside_each_other_take_each_member_once(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await pools.add_members(uow, "numbers", [str(n) for n in range(200, 250)], at())
    for n in range(53):
        await hold(database, "numbers", f"sim-{n}")
    async with database.unit_of_work() as uow:
        for n in range(53):
            await pools.release(uow, f"sim-{n}", at())
    later = at(timedelta(days=3))

    async def mover() -> int:
        moved = 0
        while True:
            async with database.unit_of_work() as uow:
                batch = await pools.end_quarantines(uow, later, limit=10)
            assert batch <= 10
            if not batch:
                return moved
            moved += batch

    first, second = await asyncio.gather(mover(), mover())
    assert first + second == 53
    assert {state for state, _ in (await members(database, "numbers")).values()} == {"free"}
    assert [action for action, _ in await trail(database)].count("endQuarantine") == 53


NO_DURATIONS: list[object] = [
    "2 days",
    {"amount": 2},
    {"amount": "2", "units": "days"},
    {"amount": True, "units": "days"},
    {"amount": -1, "units": "days"},
    {"amount": 99999, "units": "days"},
    {"amount": 2, "units": "moons"},
]


@pytest.mark.parametrize("quarantine", NO_DURATIONS, ids=str)
async def test_a_quarantine_that_is_no_duration_is_refused(database: Database, quarantine: object) -> None:
    async with database.unit_of_work() as uow:
        with pytest.raises(Unprocessable) as refused:
            await resource_pools.create(uow, {"@type": "ResourcePool", "id": "p", "quarantine": quarantine}, at())
        assert (refused.value.code, refused.value.path) == ("invalidQuarantine", "$.quarantine")
    async with database.unit_of_work() as uow:
        with pytest.raises(NotFound):
            await resource_pools.get(uow, "p", at())


async def test_a_pool_goes_with_its_free_members_and_not_while_others_are_held_or_rest(database: Database) -> None:
    number = await hold(database, "numbers", "h1")
    with pytest.raises(Conflict, match=rf"{number} \(reserved\)\. Nothing was deleted"):
        async with database.unit_of_work() as uow:
            await resource_pools.delete(uow, "numbers", at())
    assert len(await members(database, "numbers")) == 3
    async with database.unit_of_work() as uow:
        await pools.release(uow, "h1", at())
    with pytest.raises(Conflict, match=rf"{number} \(quarantined\)"):
        async with database.unit_of_work() as uow:
            await resource_pools.delete(uow, "numbers", at())
    async with database.unit_of_work() as uow:
        await pools.end_quarantines(uow, at(timedelta(days=3)))
        await resource_pools.delete(uow, "numbers", at(timedelta(days=3)))
    assert await members(database, "numbers") == {}
    assert len(await members(database, "numbers", tenant="t2")) == 3


async def test_what_is_held_of_a_pool_that_is_gone_can_be_given_back(database: Database) -> None:
    await hold(database, "numbers", "h1")
    async with database.unit_of_work() as uow:  # as by a restore of parts
        await uow.execute("delete from resource_pool.resource_pool where tenant = 't1' and id = 'numbers'")
    async with database.unit_of_work() as uow:
        assert await pools.release(uow, "h1", at()) == 1
